"""What several rules need to know, worked out once from the state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from iluvatar_bench.audit.read.held import held_snapshots, record_roots
from iluvatar_bench.audit.read.spec_view import needs_snapshot
from iluvatar_bench.audit.read.state import (
    DaemonState,
    HostState,
    NamespaceState,
    RootMount,
    SnapshotId,
)
from iluvatar_bench.containerd.values import TaskState


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceView:
    """One namespace with the collector's view of it."""

    state: NamespaceState
    host: HostState
    now: datetime
    held: frozenset[SnapshotId]
    """Snapshots that the next collection keeps."""
    loose: frozenset[SnapshotId]
    """Active snapshots and views that it removes."""
    in_use: frozenset[SnapshotId]
    """Those of them that a running container stands on."""
    unnamed: Mapping[str, SnapshotId | None]
    """Records that hold no snapshot though their root is one, with the snapshot where it is found.
    A record without one that the snapshot's own lease or label protects is not among them."""

    def title(self, name: object) -> str:
        """An object's name with its namespace."""
        return f"{self.state.name}/{name}"

    def root_mount(self, container_id: str) -> RootMount | None:
        """The root file system of a container's task, where it is known."""
        return self.host.root_mount(self.state.name, container_id)

    def running(self, container_id: str) -> bool:
        """Whether there is a task whose process has not ended."""
        return _running(self.state, container_id)

    def of_stray_tasks(self) -> set[SnapshotId]:
        """Snapshots of tasks whose record is gone; known only where shims could be looked at."""
        if self.host.shims is None:
            return set()
        known = {*self.state.records, *(record.id for record in self.state.passing_records)}
        strays = [id for id in self.state.tasks if id not in known]
        return set(_standing_on(self.state, self.host, strays).values())


def _running(state: NamespaceState, container_id: str) -> bool:
    task = state.tasks.get(container_id)
    return task is not None and task.state is not TaskState.STOPPED


def _standing_on(
    state: NamespaceState, host: HostState, containers: Iterable[str]
) -> dict[str, SnapshotId]:
    """The loose snapshot whose directory each container's root mount names."""
    by_upper = {upper: snapshot for snapshot, upper in state.upper_directories.items()}
    found = {}
    for id in containers:
        mount = host.root_mount(state.name, id)
        snapshot = by_upper.get(mount.upper_directory or "") if mount else None
        if snapshot is not None:
            found[id] = snapshot
    return found


def view_of(state: NamespaceState, host: HostState, now: datetime) -> NamespaceView:
    """The view of one namespace. Pure."""
    held = held_snapshots(state, now=now)
    running = [id for id in state.tasks if _running(state, id)]
    return NamespaceView(
        state=state,
        host=host,
        now=now,
        held=held,
        loose=frozenset(state.active()) - held,
        in_use=frozenset(_standing_on(state, host, running).values()),
        unnamed=_unnamed(state, host, held),
    )


def _unnamed(
    state: NamespaceState, host: HostState, held: frozenset[SnapshotId]
) -> dict[str, SnapshotId | None]:
    bare = [r.id for r in state.records.values() if needs_snapshot(r) and not list(record_roots(r))]
    mounted = _standing_on(state, host, bare)
    by_name = {snapshot.name: snapshot for snapshot in state.active()} if bare else {}
    found: dict[str, SnapshotId | None] = {}
    for id in bare:
        # By the directory that is mounted; by the name, where nothing is mounted yet.
        snapshot = mounted.get(id) or by_name.get(id)
        if snapshot not in held:
            found[id] = snapshot
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The state, and the views of its namespaces.

    ``grace_seconds`` is how long something may lie about before it counts as left behind.
    """

    state: DaemonState
    views: tuple[NamespaceView, ...]
    grace_seconds: float

    @property
    def now(self) -> datetime:
        """When the state was taken."""
        return self.state.taken_at

    def older_than_grace(self, since: datetime | None) -> bool:
        """Whether that moment is longer ago than the grace; unknown moments are."""
        return since is None or age_seconds(since, self.now) > self.grace_seconds

    def known_records(self) -> set[tuple[str, str]]:
        """Namespace and id of every record, those that came or went included."""
        return {
            (view.state.name, id)
            for view in self.views
            for id in (*view.state.records, *(r.id for r in view.state.passing_records))
        }

    def known_containers(self) -> set[tuple[str, str]]:
        """The same with those that have only a task."""
        tasks = {(view.state.name, id) for view in self.views for id in view.state.tasks}
        return self.known_records() | tasks


def make_context(state: DaemonState, *, grace_seconds: float) -> Context:
    """The context of a state. Pure."""
    views = tuple(view_of(space, state.host, state.taken_at) for space in state.namespaces)
    return Context(state=state, views=views, grace_seconds=grace_seconds)


def age_seconds(since: datetime, now: datetime) -> float:
    """How long ago, in seconds."""
    return (now - since).total_seconds()


def age_text(seconds: float) -> str:
    """An age for people: ``40 s``, ``12 min``, ``5 h``, ``3 days``."""
    for size, name in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{max(0.0, seconds):.0f} s"
