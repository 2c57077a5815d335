"""The facts that a mechanism rests on: plain values, gathered by ``monitor``, judged here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

from iluvatar_bench.bugs.signals import SignalFact, VictimFact


class FileKind(StrEnum):
    """What is missing."""

    MODULE = "module"
    """A Python module, by its dotted name."""
    NAME = "name"
    """What ``from package import name`` asked for: a submodule, or something else."""
    FILE = "file"
    """A path in the container."""
    LIBRARY = "library"
    """A shared library, by the name of its file."""


class FileVerdict(StrEnum):
    """What became of a file that a process missed."""

    ABSENT_FROM_IMAGE = "absent_from_image"
    """The image never had it."""
    LOST = "lost"
    """The image has it, and the container does not see it."""
    LATE = "late"
    """It is there now, though the process missed it."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class MissingFact:
    """What was found out about a file that an error says is missing. None: not known.

    ``path_in_image`` is where the image has it. ``seen_through`` says whose view of the root was
    asked: the ``process``'s, or that of the ``bundle`` it was mounted in. ``visible_later`` is a
    second look after a moment, made only where the first found nothing.
    """

    kind: FileKind
    name: str
    verdict: FileVerdict
    in_image: bool | None = None
    path_in_image: str | None = None
    visible_now: bool | None = None
    visible_later: bool | None = None
    seen_through: str | None = None


class Target(StrEnum):
    """Whom a signal of ours was meant for."""

    PROCESS = "process"
    """The container's first process, or all in its cgroup."""
    SHIM = "shim"


@dataclass(frozen=True, slots=True)
class KillFact:
    """One Kill request of this client, or one signal that it sent itself.

    Times are seconds since the epoch on the host's clock, the one containerd stamps exits with.
    ``ended_at`` is None while the request is under way. ``pid`` is None for a request to
    containerd; for a signal sent from outside it is the process that got it.
    """

    container_id: str
    cgroup: str
    all_processes: bool
    signal: int
    started_at: float
    ended_at: float | None = None
    pid: int | None = None
    target: Target = Target.PROCESS


class CgroupAction(StrEnum):
    """What a request does to every process of a container's cgroup."""

    PAUSE = "pause"
    RESUME = "resume"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class CgroupFact:
    """One Tasks.Pause, Resume or Update of this client that containerd did not refuse.

    ``at`` is when it was answered, in seconds since the epoch; ``memory_limit_bytes`` the limit
    that an update set (None: it set none, or was no update).
    """

    container_id: str
    cgroup: str
    action: CgroupAction
    at: float
    memory_limit_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class SnapshotFact:
    """Snapshots.Stat of one snapshot; ``found`` None: containerd did not say."""

    name: str
    found: bool | None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class DaemonFact:
    """Which process listens at containerd's socket, and when it began (seconds since the epoch)."""

    pid: int
    started_at: float


@dataclass(frozen=True, slots=True)
class EventFact:
    """One event of containerd about the container."""

    topic: str
    at: float | None
    pid: int | None = None
    exit_status: int | None = None


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
    parents: tuple[SnapshotFact, ...] | None = None
    """The committed snapshots below it, nearest first, up to the first that is not found."""
    root_mount: str | None = None
    """The line of mountinfo that is the container's root, and in whose table it stands:
    ``process`` or ``bundle``."""
    root_mount_seen_by: str | None = None
    upper_directory: str | None = None
    """The writable directory that the root mount names, from mountinfo or the mount request."""
    upper_exists: bool | None = None
    work_directory: str | None = None
    work_exists: bool | None = None
    lower_directories: int | None = None
    """How many lower directories the mount names, and which of them do not exist."""
    missing_lower_directories: tuple[str, ...] | None = None
    missing: tuple[MissingFact, ...] | None = None
    """What the error says is missing, and what became of it."""

    exit_status: int | None = None
    exited_at: float | None = None
    cgroup: str | None = None
    cgroup_members: int | None = None
    """Processes in the cgroup, or None when it could not be read; the first of their PIDs."""
    cgroup_pids: tuple[int, ...] | None = None
    cgroup_identity_before: int | None = None
    """The kernel's number of the cgroup when the container's life began, and now: another one, or
    None, once it was removed."""
    cgroup_identity: int | None = None
    cgroup_joined: bool | None = None
    """Whether the process was in that cgroup once its task was made; and the one that it was in."""
    cgroup_of_process: str | None = None
    controllers_above: tuple[str, ...] | None = None
    """The controllers that the cgroup above it gives to those in it (version 2,
    ``cgroup.subtree_control``; of the nearest one above that exists)."""
    oom_kills: int | None = None
    """Increase of the cgroup's oom_kill counter over the container's life."""
    memory_counters: Mapping[str, int] | None = None
    """The counters of version 1's ``memory.oom_control`` and ``memory.failcnt`` or of version 2's
    ``memory.events``, as they stood."""
    pid: int | None = None
    process_alive: bool | None = None
    processor_ran_seconds: float | None = None
    """For how long the process's first thread has run, and been ready to run without a processor
    (proc/<pid>/schedstat: Linux, Documentation/scheduler/sched-stats.rst)."""
    processor_waited_seconds: float | None = None
    throttled_seconds: float | None = None
    """For how long the cgroup was kept from running by its own limit, added up over processors."""
    shim_pid: int | None = None
    shim_alive: bool | None = None
    """False: a shim was seen, and is gone. None also where none was ever seen."""
    daemon_before: DaemonFact | None = None
    """Who was containerd when the container's life began, and who is it now."""
    daemon_now: DaemonFact | None = None
    daemon_reachable: bool | None = None

    own_kills: tuple[KillFact, ...] = ()
    neighbour_kills: tuple[KillFact, ...] = ()
    """Our Kills of other containers that name the same cgroup, or one above it."""
    kills_known_since: float | None = None
    """From when on ``neighbour_kills`` has all of them."""
    reaping_seconds: float | None = None
    """How long after the answer to a Kill the exit came at most, measured in this run."""
    own_changes: tuple[CgroupFact, ...] = ()
    neighbour_changes: tuple[CgroupFact, ...] = ()
    """Our pauses, resumes and updates of this container, and of others in the same cgroup, or in
    one above it; oldest first."""
    cgroup_frozen: bool | None = None
    """Whether the kernel keeps the processes of the cgroup from running."""
    memory_limit_bytes: int | None = None
    """The cgroup's memory limit as it is, and as the container was made with it; 0: none."""
    memory_limit_made_bytes: int | None = None
    cgroup_shared: bool | None = None
    """Whether other containers may be in the cgroup."""
    client_pid: int | None = None
    """The process of this client, which sent the signals that are its own."""
    restart_status: str | None = None
    """What the container's label of containerd's restart monitor asks for: running, stopped."""

    signals: tuple[SignalFact, ...] | None = None
    """What the kernel recorded of SIGKILL and SIGTERM to the container's process, its shim and what
    a runtime made for it, oldest first. None: no witness."""
    signals_lost: int | None = None
    """Signals of the whole host that the witness lost: there may have been others."""
    oom_victims: tuple[VictimFact, ...] | None = None
    """Every process of the host that the kernel killed for want of memory in the container's life.
    """
    shim_ended_at: float | None = None
    events: tuple[EventFact, ...] | None = None
    """The last events of the container, oldest first."""

    stdout_tail: str = ""
    stderr_tail: str = ""
    stdout_cut_bytes: int | None = None
    """How many bytes stood before the tail: 0 when the tail is all there was."""
    stderr_cut_bytes: int | None = None
    output_free_bytes: int | None = None
    """The room that was left on the disk which takes what the container prints."""
    kernel_log: tuple[str, ...] | None = None
    """What the kernel logged of this container, its process, its cgroup or overlayfs."""
    notes: tuple[str, ...] = field(default=())
    """What could not be collected, and why."""

    def as_dict(self) -> dict[str, Any]:
        """The evidence as JSON-ready values; what is at its default is left out.

        That is what is not known: an empty list says that there was none.
        """
        defaults = {f.name: f.default for f in fields(self)}
        return {name: value for name, value in asdict(self).items() if value != defaults[name]}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Evidence:
        """The evidence that :meth:`as_dict` wrote, also after JSON; other keys are passed over.

        Raises:
            TypeError, ValueError: a part does not have the form that :meth:`as_dict` gives it.
        """
        known = {f.name for f in fields(cls)}
        values = {name: value for name, value in document.items() if name in known}
        for name, parse in _PARTS.items():
            if values.get(name) is not None:
                values[name] = tuple(parse(**part) for part in values[name])
        for name in ("daemon_before", "daemon_now"):
            if values.get(name) is not None:
                values[name] = DaemonFact(**values[name])
        for name in _LISTS:
            if values.get(name) is not None:
                values[name] = tuple(values[name])
        return cls(**values)


def _kill(*, target: str = Target.PROCESS, **values: Any) -> KillFact:
    return KillFact(target=Target(target), **values)


def _change(*, action: str, **values: Any) -> CgroupFact:
    return CgroupFact(action=CgroupAction(action), **values)


def _missing(*, kind: str, verdict: str, **values: Any) -> MissingFact:
    return MissingFact(kind=FileKind(kind), verdict=FileVerdict(verdict), **values)


def _signal(**values: Any) -> SignalFact:
    return SignalFact.from_dict(values)


_LISTS = (
    "missing_lower_directories",
    "cgroup_pids",
    "controllers_above",
    "kernel_log",
    "notes",
)

_PARTS: Mapping[str, Any] = {
    "own_kills": _kill,
    "neighbour_kills": _kill,
    "own_changes": _change,
    "neighbour_changes": _change,
    "missing": _missing,
    "parents": SnapshotFact,
    "events": EventFact,
    "signals": _signal,
    "oom_victims": VictimFact,
}
