"""Rules about what is left behind: by tasks, shims, mounts and networks."""

from __future__ import annotations

from iluvatar_bench.audit.read.spec_view import namespaces
from iluvatar_bench.audit.read.state import SnapshotId
from iluvatar_bench.audit.rules.broken_rule import BrokenRule, Rule, Severity, broken_rule
from iluvatar_bench.audit.rules.context import Context, NamespaceView
from iluvatar_bench.bugs import BugClass
from iluvatar_bench.containerd.values import ContainerRecord, TaskState

_TASK_API = (
    "https://github.com/containerd/containerd/blob/v1.6.20/api/services/tasks/v1/tasks.proto"
)

TASK_STOPPED = Rule(
    name="task_stopped",
    what="tasks that have stopped and were not deleted",
    why="Shim, root mount and cgroup stay until Tasks.Delete; with a shared cgroup, a Kill of such "
    "a task still kills its neighbours (runc up to 1.1).",
    fix="Call Tasks.Delete once Tasks.Wait has answered.",
    source=_TASK_API,
    bug_classes=(),
)

RECORD_WITHOUT_TASK = Rule(
    name="record_without_task",
    what="container records without a task and a shim: never started, or the shim was lost",
    why="The record keeps its snapshot on disk for ever; if a shim was lost, its container failed.",
    fix="Delete what is not needed: Snapshots.Remove, then Containers.Delete.",
    source=_TASK_API,
    bug_classes=(BugClass.SHIM_LOST,),
)

TASK_WITHOUT_SHIM = Rule(
    name="task_without_shim",
    what="tasks that are reported as running, and no shim answers for them",
    why="Every request for such a task fails, and its end is never reported.",
    fix="Make sure that it stays silent (`ctr task ps ID` fails as well); then call Tasks.Delete "
    "and create the container again, and find out what ended the shim.",
    source="https://github.com/containerd/containerd/blob/v1.6.20/runtime/v2/README.md",
    bug_classes=(BugClass.SHIM_LOST,),
)

SHIM_WITHOUT_RECORD = Rule(
    name="shim_without_record",
    what="shims of containers that have no record",
    why="A record that is deleted before its task takes its hold on the snapshot along: the next "
    "collection removes the files under processes that still run.",
    fix="Call Containers.Delete only after Tasks.Delete has answered.",
    source="https://github.com/containerd/containerd/blob/v1.6.20/runtime/v2/README.md",
    bug_classes=(BugClass.MISSING_PACKAGES,),
)

MOUNT_WITHOUT_CONTAINER = Rule(
    name="mount_without_container",
    what="root file systems that are mounted for containers that do not exist",
    why="The mount keeps its snapshot's directory busy, so a collection cannot remove it.",
    fix="Call Tasks.Delete (the shim unmounts) before Containers.Delete; unmount what is left.",
    source="https://github.com/containerd/containerd/issues/13416 (open)",
    bug_classes=(),
)

NETWORK_NAMESPACE_UNUSED = Rule(
    name="network_namespace_unused",
    what="named network namespaces that no process lives in and no container's spec names",
    why="Each keeps its interfaces, and its port on the bridge (1,023 at most). A pool that is "
    "kept warm looks the same.",
    fix="Remove the namespace after the CNI command DEL; keep it only where a pool needs it.",
    source="https://www.cni.dev/docs/spec/#del-remove-container-from-network-or-un-apply-"
    "modifications",
    bug_classes=(BugClass.NETWORK,),
)

ADDRESS_UNUSED = Rule(
    name="address_unused",
    what="addresses that host-local keeps for containers that do not exist",
    why="When the range is used up, no container gets an address any more.",
    fix="Call the CNI command DEL with the same CNI_CONTAINERID when a container is removed.",
    source="https://www.cni.dev/plugins/current/ipam/host-local/",
    bug_classes=(BugClass.NETWORK,),
)


def broken_by_leftovers(context: Context) -> list[BrokenRule]:
    """Every rule about what is left behind."""
    found = [*_task_stopped(context), *_record_without_task(context), *_shims(context)]
    if context.state.complete:
        found += [*_mounts(context), *_networks(context), *_addresses(context)]
    return found


def _task_stopped(context: Context) -> list[BrokenRule]:
    objects = [
        view.title(task.container_id)
        for view in context.views
        for task in view.state.tasks.values()
        if task.state is TaskState.STOPPED and context.older_than_grace(task.exited_at)
    ]
    return broken_rule(TASK_STOPPED, Severity.LOW, objects)


def _record_without_task(context: Context) -> list[BrokenRule]:
    objects = []
    for view in context.views:
        for record in view.state.records.values():
            # Kubernetes keeps the records of ended containers on purpose, for their logs.
            if record.id in view.state.tasks or "io.cri-containerd.kind" in record.labels:
                continue
            if _told_elsewhere(view, record) or not context.older_than_grace(record.created_at):
                continue
            objects.append(view.title(record.id))
    return broken_rule(RECORD_WITHOUT_TASK, Severity.LOW, objects)


def _told_elsewhere(view: NamespaceView, record: ContainerRecord) -> bool:
    """Whether a rule with more to say has this record already."""
    if record.spec_problem:
        return True
    snapshot = SnapshotId(record.snapshotter, record.snapshot_key)
    dangling = bool(record.snapshot_key) and snapshot not in view.state.snapshots
    return dangling or record.id in view.unnamed


def _shims(context: Context) -> list[BrokenRule]:
    stray = [f"{shim.namespace}/{shim.container_id}" for shim in context.state.host.strays]
    silent = [view.title(id) for view in context.views for id in view.state.silent_tasks]
    return [
        *broken_rule(SHIM_WITHOUT_RECORD, Severity.MEDIUM, stray),
        *broken_rule(TASK_WITHOUT_SHIM, Severity.HIGH, silent),
    ]


def _mounts(context: Context) -> list[BrokenRule]:
    known = context.known_containers()
    # A shim that is still there is the finding; its mount is only what comes of it.
    shims = {(s.namespace, s.container_id) for s in context.state.host.shims or ()}
    objects = [
        point
        for container, point in context.state.host.bundle_mounts.items()
        if container not in known and container not in shims
    ]
    return broken_rule(MOUNT_WITHOUT_CONTAINER, Severity.LOW, objects)


def _networks(context: Context) -> list[BrokenRule]:
    named = {
        str(entry.get("path"))
        for view in context.views
        for record in view.state.records.values()
        for entry in namespaces(record.spec, "network")
    }
    objects = [
        str(namespace.path)
        for namespace in context.state.host.network_namespaces
        if namespace.in_use is False and str(namespace.path) not in named
    ]
    return broken_rule(NETWORK_NAMESPACE_UNUSED, Severity.LOW, objects)


def _addresses(context: Context) -> list[BrokenRule]:
    ids = {id for _, id in context.known_containers()}
    ids |= {f"{namespace}-{id}" for namespace, id in context.known_containers()}
    ids |= {shim.container_id for shim in context.state.host.foreign_shims}
    # Clients that keep a pool give an address to a namespace, not to a container.
    ids |= {namespace.path.name for namespace in context.state.host.network_namespaces}
    objects = [
        f"{lease.address} ({lease.network}, for {lease.container_id or 'nobody'})"
        for lease in context.state.host.addresses
        if lease.container_id not in ids
    ]
    return broken_rule(ADDRESS_UNUSED, Severity.LOW, objects)
