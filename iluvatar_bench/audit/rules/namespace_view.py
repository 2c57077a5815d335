"""One namespace with the collector's view of it, worked out once from the state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from iluvatar_bench.audit.read.held import held_snapshots, record_roots
from iluvatar_bench.audit.read.spec_view import needs_snapshot
from iluvatar_bench.audit.read.state import HostState, NamespaceState, RootMount, SnapshotId
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
    """Those of them that a running container stands on, or that are mounted anywhere."""
    mounts_known: bool
    """Whether every mount could be looked at: without that, nothing is said to be unused."""
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

    def stands_on(self, container_id: str) -> SnapshotId | None:
        """The snapshot that is mounted as a container's root, where that was looked up."""
        return _standing_on(self.state, self.host, (container_id,)).get(container_id)


def _running(state: NamespaceState, container_id: str) -> bool:
    task = state.tasks.get(container_id)
    return task is not None and task.state is not TaskState.STOPPED


def _standing_on(
    state: NamespaceState, host: HostState, containers: Iterable[str]
) -> dict[str, SnapshotId]:
    """The snapshot whose directory each container's root mount names."""
    by_upper = {upper: snapshot for snapshot, upper in state.upper_directories.items()}
    found = {}
    for id in containers:
        mount = host.root_mount(state.name, id)
        snapshot = by_upper.get(mount.upper_directory or "") if mount else None
        if snapshot is not None:
            found[id] = snapshot
    return found


def namespace_view(state: NamespaceState, host: HostState, now: datetime) -> NamespaceView:
    """The view at a moment. Pure."""
    held = held_snapshots(state, now=now)
    loose = frozenset(state.active()) - held
    running = [id for id in state.tasks if _running(state, id)]
    mounted = {id for name, id in host.mounted or () if name == state.name}
    return NamespaceView(
        state=state,
        host=host,
        now=now,
        held=held,
        loose=loose,
        in_use=loose & {*_standing_on(state, host, running).values(), *mounted},
        mounts_known=host.mounted is not None,
        unnamed=_unnamed(state, host, held),
    )


def _unnamed(
    state: NamespaceState, host: HostState, held: frozenset[SnapshotId]
) -> dict[str, SnapshotId | None]:
    bare = [r for r in state.records.values() if not list(record_roots(r))]
    mounted = _standing_on(state, host, [record.id for record in bare])
    by_name = {snapshot.name: snapshot for snapshot in state.active()} if bare else {}
    found: dict[str, SnapshotId | None] = {}
    for record in bare:
        # By the directory that is mounted; by the name, where nothing is mounted yet.
        snapshot = mounted.get(record.id)
        if needs_snapshot(record):
            snapshot = snapshot or by_name.get(record.id)
        elif snapshot is None:
            continue
        if snapshot not in held:
            found[record.id] = snapshot
    return found
