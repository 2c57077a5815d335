"""What a monitor saw of a container: events, memory, its death."""

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
    """The memory of one container in one round of the poller, or of all of them and the host.

    With ``container_id`` None it is the round itself: ``rss_bytes`` is the sum over the containers
    that are alive, and the host's figures are those of ``psutil.virtual_memory``. ``rss_bytes`` is
    None for a container that is gone; ``diff_bytes`` is the change since the round before, None
    where there is nothing to compare with.
    """

    run_id: str
    round: int
    sampled_at: str
    container_id: str | None
    rss_bytes: int | None
    diff_bytes: int | None
    host_used_bytes: int | None = None
    host_available_bytes: int | None = None

    def as_row(self) -> dict[str, Any]:
        """The record as a flat row."""
        return asdict(self)


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
