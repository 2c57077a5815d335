"""What the services take and give: frozen values, free of the wire format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp


RESTART_LABEL = "containerd.io/restart.status"
"""What containerd's restart monitor is to see to: ``running`` or ``stopped`` (containerd,
runtime/restart/restart.go)."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount that makes up a root file system."""

    type: str
    source: str
    target: str = ""
    options: tuple[str, ...] = ()

    def option(self, name: str) -> str | None:
        """The value of ``name=value`` among the options, or None."""
        prefix = f"{name}="
        return next((o.removeprefix(prefix) for o in self.options if o.startswith(prefix)), None)

    @property
    def upper_directory(self) -> str | None:
        """Where writes go: overlay's ``upperdir``, the source of a writable bind, a file of blocks.

        None for what is no path of its own: a subvolume of btrfs, a device.
        """
        if self.type == "overlay":
            return self.option("upperdir")
        by_path = self.type == "bind" or "loop" in self.options
        return self.source if by_path and "rw" in self.options else None

    @property
    def lower_directories(self) -> tuple[str, ...]:
        """Overlay's read-only directories, topmost first; empty for other types."""
        value = self.option("lowerdir")
        return tuple(value.split(":")) if value else ()


@dataclass(frozen=True, slots=True)
class Platform:
    """An operating system, an architecture and, where there are several of it, its variant."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    def as_json(self) -> dict[str, str]:
        """The fields as in an index or a configuration."""
        fields = {"os": self.os, "architecture": self.architecture}
        return {**fields, "variant": self.variant} if self.variant else fields


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A content-addressed blob: media type, ``sha256:`` digest, size in bytes."""

    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict)


class SnapshotKind(StrEnum):
    """What a snapshot can be used for."""

    UNKNOWN = "unknown"
    VIEW = "view"
    ACTIVE = "active"
    COMMITTED = "committed"


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """Snapshots.Stat: the metadata of one snapshot."""

    name: str
    parent: str
    kind: SnapshotKind
    labels: Mapping[str, str]
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class ContainerRecord:
    """The metadata of a container: not a running process (that is its task).

    An empty ``snapshot_key`` protects nothing: see CONTAINERD.md, section 1.
    """

    id: str
    image: str
    runtime: str
    spec: Mapping[str, Any]
    snapshotter: str = ""
    snapshot_key: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    runtime_binary: str = ""
    """The OCI runtime that the record itself names; empty: the one that the shim finds."""
    created_at: datetime | None = None
    """Containerd's clock; not sent when a record is created."""
    updated_at: datetime | None = None
    """The same: another one for each change."""
    spec_problem: str = ""
    """Why ``spec`` is empty, where what is stored is no OCI spec; not sent either."""


@dataclass(frozen=True, slots=True)
class LeaseInfo:
    """A lease. One without ``expires_at`` holds until it is deleted."""

    id: str
    created_at: datetime | None
    expires_at: datetime | None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resource:
    """What a lease holds: ``type`` is ``content``, ``ingests`` or ``snapshots/<snapshotter>``."""

    type: str
    id: str


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a process ended: 128 + n for death by signal n. ``exited_at`` is containerd's clock."""

    status: int
    exited_at: datetime | None


class TaskState(StrEnum):
    """The state of a task's first process."""

    UNKNOWN = "unknown"
    CREATED = "created"
    RUNNING = "running"
    STOPPED = "stopped"
    PAUSED = "paused"
    PAUSING = "pausing"


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """What containerd says of one process: a task's first, or one that was started by exec.

    ``stdin``, ``stdout`` and ``stderr`` are the paths that its streams were given: whoever wants to
    attach opens those that are FIFOs.
    """

    container_id: str
    pid: int
    state: TaskState
    exit_status: int
    exited_at: datetime | None = None
    stdin: str = ""
    stdout: str = ""
    stderr: str = ""


@dataclass(frozen=True, slots=True)
class TaskProcess:
    """A process of a container; ``exec_id`` is empty for one that no exec of containerd started."""

    pid: int
    exec_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskMetrics:
    """What containerd measured of one container's cgroup. None: that version does not tell.

    Of a cgroup that containers share it is the same for each of them: it measures the cgroup.
    ``cgroup_version`` is 1 or 2. ``memory_limit_bytes`` and ``pids_limit`` are None without a limit
    too. Network bytes are those of the container's own interfaces, without loopback.
    """

    container_id: str
    measured_at: datetime | None
    cgroup_version: int
    pids: int
    pids_limit: int | None
    cpu_ns: int
    throttled_ns: int
    throttled_periods: int
    memory_bytes: int
    memory_peak_bytes: int | None
    memory_limit_bytes: int | None
    oom_kills: int | None
    read_bytes: int
    written_bytes: int
    received_bytes: int | None
    sent_bytes: int | None


@dataclass(frozen=True, slots=True)
class DaemonVersion:
    """What the daemon says it is."""

    version: str
    revision: str


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """One plugin of the daemon; ``init_error`` is empty when it is usable."""

    type: str
    id: str
    init_error: str
    exports: Mapping[str, str] = field(default_factory=dict)
    """What it tells of itself, as a snapshotter its ``root`` folder."""


_LAST_SECOND = 253_402_300_799
"""The end of the year 9999, up to which protobuf's Timestamp is defined."""


def utc(timestamp: Timestamp) -> datetime | None:
    """The time in UTC, or None where containerd left it unset, or gave one that is none.

    Go's zero time arrives as the year 1, which no process exits in.
    """
    if not 0 < timestamp.seconds <= _LAST_SECOND or not 0 <= timestamp.nanos < 10**9:
        return None
    return timestamp.ToDatetime(tzinfo=UTC)
