"""What a client's calls say about its containers: facts, each with its rule and its remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from iluvatar_bench.records.call import Call


class CallRule(StrEnum):
    """What a fact is about. The order is that of reports: the worst first."""

    SNAPSHOT_UNHELD = "snapshot_unheld"
    """Nothing held a snapshot from the call on that made it."""
    PARENT_UNHELD = "parent_unheld"
    """The same, of a committed snapshot that others are made from."""
    CONTENT_UNHELD = "content_unheld"
    """The same, of a blob of an image."""
    LEASE_ENDED_EARLY = "lease_ended_early"
    """A lease was deleted before anything else held what it held."""
    LEASE_EXPIRED = "lease_expired"
    """A lease expired before anything else held what it held."""
    REFERENCE_DROPPED = "reference_dropped"
    """A record, an image or a label that held something needed went away."""
    RECORD_NAMES_OTHER = "record_names_other"
    """The record names another snapshot than the one that its task mounts."""
    RECORD_WITHOUT_SNAPSHOT = "record_without_snapshot"
    """The record names no snapshot: it holds nothing."""
    RECORD_UNDER_TASK = "record_under_task"
    """The record was deleted while its task was there."""
    RECORD_BEFORE_SNAPSHOT = "record_before_snapshot"
    """The record was deleted, and with it the snapshot's hold, before the snapshot."""
    KILL_REACHES_OTHERS = "kill_reaches_others"
    """A Kill of all processes of a cgroup in which other containers live."""
    CGROUP_SHARED = "cgroup_shared"
    """Specs of several containers name one cgroup, or one inside the other's."""
    CGROUP_RELATIVE = "cgroup_relative"
    """A spec names a relative cgroup path."""
    DELETE_POLLED = "delete_polled"
    """Tasks.Delete was tried again and again instead of waiting for the task's end."""
    LEFT_TASK = "left_task"
    LEFT_RECORD = "left_record"
    LEFT_SNAPSHOT = "left_snapshot"
    LEFT_LEASE = "left_lease"
    LEFT_IMAGE = "left_image"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFact:
    """One thing that calls say about a container, an image or a lease."""

    rule: CallRule
    unsafe: bool
    """Whether a container can be lost by it; False for what is only worth knowing."""
    namespace: str
    container: str | None
    """None where it concerns no container that the calls name (an image's unpacking)."""
    subject: str
    """What it is about: ``snapshot overlayfs/k1``, ``lease l1``, ``cgroup /a``."""
    happened: str
    """A sentence."""
    must: str
    """The rule, as a sentence."""
    remedy: str
    """The change of call that mends it."""
    calls: tuple[int, ...]
    """Numbers of the calls that it rests on, in time's order."""
    may_become: tuple[str, ...] = ()
    """Bug classes that it can show as."""
    started_ns: int | None = None
    ended_ns: int | None = None
    """Of a window: from the time on which the thing was certainly there, needed, and held by
    nothing, to the time until which it certainly was. None for facts that are no windows."""

    @property
    def length_ms(self) -> float | None:
        """A window's length; None for facts that are none."""
        if self.started_ns is None or self.ended_ns is None:
            return None
        return (self.ended_ns - self.started_ns) / 1e6

    def positions(self, calls: Iterable[Call]) -> tuple[int, ...]:
        """Numbers of the calls before which a collection would have taken the thing away."""
        if self.started_ns is None or self.ended_ns is None:
            return ()
        return tuple(
            call.number for call in calls if self.started_ns < call.started_ns <= self.ended_ns
        )

    def as_row(self) -> dict[str, Any]:
        """A flat row, with ``length_ms``."""
        return {**asdict(self), "rule": str(self.rule), "length_ms": self.length_ms}


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldTime:
    """A time in which one thing held a container's snapshot."""

    holder: str
    """``lease l1``, ``record c1``, ``image NAME``, ``label``."""
    snapshot: str
    """``SNAPSHOTTER/KEY``."""
    started_ns: int
    ended_ns: int
    made_by: int | None
    """The call that began it; None where it was so before the first call."""
    ended_by: int | None
    """The call that ended it; None where none did (it expired, or stood at the last call)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientContainer:
    """One container as a client's calls show it."""

    namespace: str
    container: str
    snapshots: tuple[str, ...]
    """Those that its task mounts or its record names, ``SNAPSHOTTER/KEY``."""
    calls: tuple[int, ...]
    """Numbers of the calls that name it, its snapshots or a lease on them, as they arrived."""
    held: tuple[HeldTime, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """What a list of calls says."""

    containers: tuple[ClientContainer, ...]
    facts: tuple[CallFact, ...]
    """Unsafe ones first, in the order of ``CallRule``, then in time's."""

    @property
    def unsafe(self) -> tuple[CallFact, ...]:
        """Those by which a container can be lost."""
        return tuple(fact for fact in self.facts if fact.unsafe)
