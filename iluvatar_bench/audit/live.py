"""One container that exists now, as a plain value: what protects it, what can happen to it."""

from __future__ import annotations

from collections.abc import Iterator

from iluvatar_bench.audit.audit import Audit
from iluvatar_bench.audit.read.container_names import names_of
from iluvatar_bench.audit.read.held import record_roots
from iluvatar_bench.audit.read.spec_view import (
    cgroup_of,
    has_own_pid_namespace,
    needs_snapshot,
    text,
)
from iluvatar_bench.audit.read.state import SnapshotId
from iluvatar_bench.audit.rules.broken_rule import BrokenRule
from iluvatar_bench.audit.rules.cgroup_paths import (
    CGROUP_NESTED,
    CGROUP_OF_EXAMPLE,
    CGROUP_SHARED,
)
from iluvatar_bench.audit.rules.context import NamespaceView
from iluvatar_bench.audit.rules.processes import PID_NAMESPACE
from iluvatar_bench.audit.rules.references import HELD_BY_LEASE_ALONE, PARENT_NOT_HELD
from iluvatar_bench.audit.rules.snapshots import GONE, MISSING, NOT_NAMED
from iluvatar_bench.containerd.values import ContainerRecord, TaskState
from iluvatar_bench.errors import UsageError
from iluvatar_bench.records import LiveContainer, LiveFix, LiveMoment

_SETTINGS = {
    NOT_NAMED.name: ("snapshot_reference=lease",),
    MISSING.name: ("removal=ordered",),
    GONE.name: ("snapshot_reference=lease",),
    HELD_BY_LEASE_ALONE.name: ("snapshot_reference=lease",),
    PARENT_NOT_HELD.name: ("snapshot_reference=lease",),
    CGROUP_SHARED.name: ("cgroup=own",),
    CGROUP_NESTED.name: ("cgroup=own",),
    CGROUP_OF_EXAMPLE.name: ("cgroup=own",),
}
"""The choice of a profile that a rule's fix amounts to."""


def live_container(audit: Audit, container: str) -> LiveContainer:
    """What the audit has to say about one container.

    It is given as ``id`` or ``namespace/id``, by the beginning of either, or by the name that
    Docker, nerdctl or Kubernetes keep for it.

    Raises:
        UsageError: there is no such container, or several are called so.
    """
    view, record = _find(audit, container)
    name = view.title(record.id)
    broken = [found for found in audit.findings if name in found.objects]
    possible = list(dict.fromkeys(str(c) for found in broken for c in found.bug_classes))
    task = view.state.tasks.get(record.id)
    return LiveContainer(
        name=name,
        facts=(
            ("containerd", audit.state.version),
            ("task", "none" if task is None else f"{task.state}, pid {task.pid}"),
            ("snapshot", _snapshot_text(view, record)),
            ("cgroup", cgroup_of(record) or "made by the runtime from the id"),
            ("can end as", ", ".join(possible) or "nothing that this audit knows"),
        ),
        moments=tuple(sorted(_moments(view, record), key=lambda moment: moment.at)),
        broken=len(broken),
        wrong=tuple(_wrong(broken)),
        in_order=tuple(_right(view, record, broken)),
        fixes=tuple(
            LiveFix(text=found.rule.fix, settings=_SETTINGS.get(found.rule.name, ()))
            for found in broken
        ),
        not_known=(*_unseen(view, record), *audit.state.remarks),
    )


def _find(audit: Audit, container: str) -> tuple[NamespaceView, ContainerRecord]:
    """By id or ``namespace/id``; else by a name that its client keeps; else by how that begins."""
    everything = [(v, record) for v in audit.context.views for record in v.state.records.values()]
    for matches in (
        [(v, r) for v, r in everything if container in (r.id, v.title(r.id))],
        [(v, r) for v, r in everything if container in names_of(r)],
        [
            (v, r)
            for v, r in everything
            if container and (r.id.startswith(container) or v.title(r.id).startswith(container))
        ],
    ):
        if len(matches) == 1:
            return matches[0]
        if matches:
            names = ", ".join(sorted(view.title(record.id) for view, record in matches)[:5])
            more = f" and {len(matches) - 5} more" if len(matches) > 5 else ""
            raise UsageError(f"several containers are called {container!r}: {names}{more}")
    raise UsageError(f"no container {container!r} in the containerd at {audit.state.address}")


def _moments(view: NamespaceView, record: ContainerRecord) -> Iterator[LiveMoment]:
    if record.created_at is not None:
        text = "record created"
        yield LiveMoment(at=record.created_at.timestamp(), told_by="containerd", text=text)
    snapshot = _snapshot(view, record)
    info = view.state.snapshots.get(snapshot) if snapshot else None
    if info is not None and info.created_at is not None:
        text = f"snapshot {info.name} prepared"
        yield LiveMoment(at=info.created_at.timestamp(), told_by="containerd", text=text)
    task = view.state.tasks.get(record.id)
    if task is not None and task.state is TaskState.STOPPED and task.exited_at is not None:
        text = f"process ended with status {task.exit_status}"
        yield LiveMoment(at=task.exited_at.timestamp(), told_by="kernel", text=text, bad=True)
    mount = view.root_mount(record.id)
    if mount is not None and mount.upper_exists is False:
        text = "mountinfo names an upper directory that does not exist"
        yield LiveMoment(at=view.now.timestamp(), told_by="kernel", text=text, bad=True)
    yield LiveMoment(at=view.now.timestamp(), told_by="client", text="this audit read the daemon")


def _snapshot(view: NamespaceView, record: ContainerRecord) -> SnapshotId | None:
    if record.snapshotter and record.snapshot_key:
        return SnapshotId(record.snapshotter, record.snapshot_key)
    return view.unnamed.get(record.id) or view.stands_on(record.id)


def _snapshot_text(view: NamespaceView, record: ContainerRecord) -> str:
    snapshot = _snapshot(view, record)
    if snapshot is None:
        return "the record names none"
    if list(record_roots(record)):
        return str(snapshot)
    return f"{snapshot}, which the record does not name"


def _wrong(broken: list[BrokenRule]) -> Iterator[str]:
    for found in broken:
        others = f" (one of {found.count})" if found.count > 1 else ""
        yield f"{found.rule.name}{others}: {found.rule.why}"
        yield from found.details


def _has_other_root(view: NamespaceView, record: ContainerRecord) -> bool:
    """Whether its root was looked at, and belongs to no snapshot that could be collected."""
    mount = view.root_mount(record.id)
    return (
        not needs_snapshot(record)
        and not record.spec_problem
        and mount is not None
        and mount.upper_directory not in view.state.upper_directories.values()
    )


def _unseen(view: NamespaceView, record: ContainerRecord) -> Iterator[str]:
    if not needs_snapshot(record) and not record.spec_problem and not view.root_mount(record.id):
        path = text(record.spec, "root", "path")
        yield f"what is behind its root file system {path}: it is not mounted, or not to be seen"


def _right(
    view: NamespaceView, record: ContainerRecord, broken_rules: list[BrokenRule]
) -> Iterator[str]:
    broken = {found.rule.name for found in broken_rules}
    snapshot = _snapshot(view, record)
    if snapshot is not None and snapshot in view.held:
        holder = "the record" if list(record_roots(record)) else "a lease or a label"
        yield f"its snapshot {snapshot} is there, and {holder} holds it"
    elif snapshot is None and _has_other_root(view, record):
        yield f"its root file system {text(record.spec, 'root', 'path')} is no active snapshot"
    mount = view.root_mount(record.id)
    if mount is not None and mount.upper_exists:
        yield f"the mounted upper directory {mount.upper_directory} exists"
    if broken.isdisjoint((CGROUP_SHARED.name, CGROUP_NESTED.name)) and record.spec:
        yield f"no other container names its cgroup {cgroup_of(record) or ''}".rstrip()
    if PID_NAMESPACE.name not in broken and has_own_pid_namespace(record):
        yield "it has a PID namespace of its own"
