"""What several rules need to know, worked out once from the state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from iluvatar_bench.audit.collection import held_snapshots, record_roots
from iluvatar_bench.audit.state import (
    DaemonState,
    HostState,
    NamespaceState,
    RootMount,
    SnapshotId,
)
from iluvatar_bench.containerd.values import ContainerRecord, TaskState


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceView:
    """One namespace with the collector's view of it."""

    state: NamespaceState
    host: HostState
    now: datetime
    held: frozenset[SnapshotId]
    """Snapshots that the next collection keeps."""

    def title(self, name: object) -> str:
        """An object's name with its namespace."""
        return f"{self.state.name}/{name}"

    def root_mount(self, container_id: str) -> RootMount | None:
        """The root file system of a container's task, where it is known."""
        return self.host.root_mount(self.state.name, container_id)

    def loose(self) -> frozenset[SnapshotId]:
        """Active snapshots and views that the next collection removes."""
        return frozenset(self.state.active()) - self.held

    def unnamed(self) -> dict[str, SnapshotId | None]:
        """Records that hold no snapshot though their root is one, with the snapshot if found.

        A record without one that the snapshot's own lease or label protects is not among them.
        """
        found: dict[str, SnapshotId | None] = {}
        for record in self.state.records.values():
            if not needs_snapshot(record) or list(record_roots(record)):
                continue
            snapshot = self._snapshot_of(record)
            if snapshot not in self.held:
                found[record.id] = snapshot
        return found

    def _snapshot_of(self, record: ContainerRecord) -> SnapshotId | None:
        """By the directory that is mounted; by the name, where nothing is mounted yet."""
        mount = self.root_mount(record.id)
        if mount is not None and mount.upper_directory is not None:
            for snapshot, upper in self.state.upper_directories.items():
                if upper == mount.upper_directory:
                    return snapshot
        named = [s for s in self.state.active() if s.name == record.id]
        named += [s for s in self.state.active() if record.id in s.name]
        return named[0] if named else None

    def running(self, container_id: str) -> bool:
        """Whether there is a task whose process has not ended."""
        task = self.state.tasks.get(container_id)
        return task is not None and task.state is not TaskState.STOPPED

    def of_stray_tasks(self) -> set[SnapshotId]:
        """Snapshots of tasks whose record is gone; known only where shims could be looked at."""
        if self.host.shims is None:
            return set()
        known = {*self.state.records, *(record.id for record in self.state.passing_records)}
        strays = [self.root_mount(id) for id in self.state.tasks if id not in known]
        uppers = {mount.upper_directory for mount in strays if mount is not None}
        return {s for s, upper in self.state.upper_directories.items() if upper in uppers}

    def in_use(self) -> frozenset[SnapshotId]:
        """Loose snapshots that a running container stands on."""
        uppers = {
            mount.upper_directory
            for id in self.state.tasks
            if self.running(id) and (mount := self.root_mount(id)) is not None
        }
        by_mount = {s for s, upper in self.state.upper_directories.items() if upper in uppers}
        return frozenset(by_mount)


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
    views = tuple(
        NamespaceView(
            state=namespace,
            host=state.host,
            now=state.taken_at,
            held=held_snapshots(namespace, now=state.taken_at),
        )
        for namespace in state.namespaces
    )
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


def needs_snapshot(record: ContainerRecord) -> bool:
    """Whether the container's root file system comes from a snapshot.

    A spec whose root is an absolute path brings its own: Docker's with its own storage drivers,
    and ``ctr run --rootfs``.
    """
    root = record.spec.get("root")
    path = root.get("path") if isinstance(root, dict) else None
    return isinstance(path, str) and not path.startswith("/")
