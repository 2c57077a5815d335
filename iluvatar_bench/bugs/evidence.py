"""The facts that a mechanism rests on: plain values, gathered by ``monitor``, judged here."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class KillFact:
    """One Kill request of this client.

    Times are seconds since the epoch on the host's clock, the one containerd stamps exits with.
    ``ended_at`` is None while the request is under way.
    """

    container_id: str
    cgroup: str
    all_processes: bool
    signal: int
    started_at: float
    ended_at: float | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found at one failure, before the task was deleted.

    Every field may be None: *not known*. None is never read as *no*.
    Times are seconds since the epoch.
    """

    container_id: str = ""
    error: str = ""
    """The error text of the step that failed, unshortened."""
    step: str | None = None
    """The lifecycle step that failed, and when it began and ended."""
    step_started_at: float | None = None
    step_ended_at: float | None = None

    snapshot_key: str | None = None
    snapshot_found: bool | None = None
    """Snapshots.Stat: False when containerd no longer knows the snapshot."""
    snapshot_removed_by_us: bool | None = None
    upper_directory: str | None = None
    """The writable directory that the root mount names, from mountinfo or the mount request."""
    upper_exists: bool | None = None
    missing_lower_directories: tuple[str, ...] | None = None

    exit_status: int | None = None
    exited_at: float | None = None
    cgroup: str | None = None
    cgroup_members: int | None = None
    """Processes in the cgroup, or None when it could not be read."""
    oom_kills: int | None = None
    """Increase of the cgroup's oom_kill counter over the container's life."""
    shim_alive: bool | None = None

    own_kills: tuple[KillFact, ...] = ()
    neighbour_kills: tuple[KillFact, ...] = ()
    """Our Kills of other containers that name the same cgroup."""

    stdout_tail: str = ""
    stderr_tail: str = ""
    notes: tuple[str, ...] = field(default=())
    """What could not be collected, and why."""

    def as_dict(self) -> dict[str, Any]:
        """The evidence as JSON-ready values, unknown facts left out."""
        return {name: value for name, value in asdict(self).items() if value not in (None, (), "")}
