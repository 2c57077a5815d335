"""What a monitor saw of a container: events, what it used, its death."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Way(StrEnum):
    """How the end of a process comes to be known."""

    PIDFD = "pidfd"
    """The kernel says so, through a descriptor of the process."""
    WAIT = "wait"
    """Tasks.Wait answers."""
    EVENT = "event"
    """The event stream brings a TaskExit."""
    LIST = "list"
    """Tasks.List, after the event stream had been broken."""
    POLL = "poll"
    """The memory poller finds nothing to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of containerd, as received."""

    run_id: str
    timestamp: str
    topic: str
    container_id: str | None = None
    pid: int | None = None
    exit_status: int | None = None
    snapshot_key: str | None = None

    def as_row(self) -> dict[str, Any]:
        """The record as a flat row."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One container in one round of the poller, or all of them and the host.

    With ``container_id`` None it is the round itself: ``rss_bytes`` is the sum over the containers
    that are alive, and the host's figures are those of ``psutil.virtual_memory``, its load, and
    milliseconds since boot. ``rss_bytes`` is None for a container that is gone; ``diff_bytes`` is
    the change since the round before, None where there is nothing to compare with. The rest counts
    since the container's cgroup was made (``memory_bytes`` and ``pids``: now), all of a shared
    cgroup together; None: it was not read in this round, or the host does not count it. Processor
    time and memory are read in each round, the others in every fourth and in a container's first;
    what cannot have changed since, because nothing of the cgroup has run, is told all the same.
    """

    run_id: str
    round: int
    sampled_at: str
    container_id: str | None
    rss_bytes: int | None
    diff_bytes: int | None
    cpu_ms: float | None = None
    throttled_ms: float | None = None
    throttled_periods: int | None = None
    memory_bytes: int | None = None
    memory_peak_bytes: int | None = None
    limit_hits: int | None = None
    oom_kills: int | None = None
    pids: int | None = None
    cpu_pressure_ms: float | None = None
    memory_pressure_ms: float | None = None
    io_pressure_ms: float | None = None
    io_read_bytes: int | None = None
    io_written_bytes: int | None = None
    received_bytes: int | None = None
    sent_bytes: int | None = None
    host_used_bytes: int | None = None
    host_available_bytes: int | None = None
    host_load: float | None = None
    host_steal_ms: float | None = None
    host_cpu_pressure_ms: float | None = None
    host_memory_pressure_ms: float | None = None
    host_io_pressure_ms: float | None = None

    def as_row(self) -> dict[str, Any]:
        """The record as a flat row, without what is not known and need not be."""
        return {
            name: value
            for name in self.__dataclass_fields__
            if (value := getattr(self, name)) is not None or name in _OF_EVERY_SAMPLE
        }


_OF_EVERY_SAMPLE = frozenset(
    {"run_id", "round", "sampled_at", "container_id", "rss_bytes", "diff_bytes"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """The end of one container's first process, counted once however many ways told it.

    ``<way>_at`` is when that way told it (UTC, the host's clock as read by this client), None where
    it has not; ``exited_at`` is containerd's own time, that of the reaping by the shim.
    """

    run_id: str
    container_id: str
    pid: int | None
    first_way: Way
    first_seen_at: str
    pidfd_at: str | None = None
    wait_at: str | None = None
    event_at: str | None = None
    list_at: str | None = None
    poll_at: str | None = None
    exit_status: int | None = None
    exited_at: str | None = None

    def as_row(self) -> dict[str, Any]:
        """The record as a flat row."""
        return {**asdict(self), "first_way": str(self.first_way)}
