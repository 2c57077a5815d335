"""What containerd stores, and what holds it: the values that a replay of calls gives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from iluvatar_bench.clients.time_sets import AFTER, BEFORE


class Stored(NamedTuple):
    """One object of containerd's metadata store."""

    namespace: str
    kind: str
    """``snapshot``, ``content``, ``record``, ``image`` or ``lease``."""
    key: str
    """``SNAPSHOTTER/KEY`` for a snapshot; a snapshotter's name has no slash."""

    @property
    def snapshotter(self) -> str:
        """Of a snapshot; empty for others."""
        return self.key.partition("/")[0] if self.kind == "snapshot" else ""

    @property
    def name(self) -> str:
        """The key without the snapshotter."""
        return self.key.partition("/")[2] if self.kind == "snapshot" else self.key

    @property
    def short(self) -> str:
        """Its kind and its name."""
        return f"{self.kind} {self.name}"

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


def snapshot_of(namespace: str, snapshotter: str, key: str) -> Stored:
    """A snapshot by the parts of its key."""
    return Stored(namespace, "snapshot", f"{snapshotter}/{key}")


@dataclass(slots=True)
class Life:
    """One life of an object, from the call that made it to the one that removed it.

    A call takes effect at an unknown moment between its start and its end. So the object is
    *certainly* there from the end of the one to the start of the other, and *possibly* from the
    start of the one to the end of the other.
    """

    made_by: int | None
    possible_start: float = BEFORE
    certain_start: float = AFTER
    """``AFTER`` where it is not known whether it was made at all."""
    certain_end: float = AFTER
    possible_end: float = AFTER
    ended_by: int | None = None
    perhaps_gone: bool = False
    """The answer of a call that removes it was lost."""
    expired: bool = False
    foreign: bool = False
    """It was there before the recording: what holds it is not known."""
    state: dict[str, str] = field(default_factory=dict)
    """What later calls need of it (a record's snapshot, a snapshot's parent)."""
    bears: list[Hold] = field(default_factory=list)
    """Holds that end with it."""

    @property
    def open(self) -> bool:
        """Whether no call is known to have ended it."""
        return self.ended_by is None


@dataclass(slots=True)
class Hold:
    """``source`` holds ``target`` from ``start`` to ``end``, as long as ``source`` is held.

    Times are the *possible* ones: from the start of the call that made the reference to the end
    of the one that took it away.
    """

    source: Stored | None
    """None: the collector's root itself."""
    target: Stored
    reason: str
    """``lease``, ``record``, ``image``, ``parent``, ``label``, ``root`` or ``self``."""
    start: float
    made_by: int | None
    life: Life | None = None
    """The life of the object that bears the reference, which ends with it."""
    end: float = AFTER
    ended_by: int | None = None
    flat: bool = False
    """By a flat lease: what the target's labels name is not held."""

    @property
    def stretch(self) -> tuple[float, float]:
        """Its times, cut at the end of its bearer's life."""
        return self.start, min(self.end, AFTER if self.life is None else self.life.possible_end)

    @property
    def last_call(self) -> int | None:
        """The call that ended it; None if none did: it stands, or its lease expired."""
        if self.life is not None and self.life.possible_end < self.end:
            return None if self.life.expired else self.life.ended_by
        return self.ended_by


@dataclass(slots=True)
class Use:
    """A call that needs the object; of a task, to its end."""

    start: float
    call: int
    end: float
    """``start`` for what is needed at one moment."""
    end_call: int | None


@dataclass(slots=True)
class Store:
    """Everything that the calls say about containerd's store."""

    lives: dict[Stored, list[Life]] = field(default_factory=dict)
    holds: list[Hold] = field(default_factory=list)
    uses: dict[Stored, list[Use]] = field(default_factory=dict)
    mounts: dict[tuple[str, str, int], Stored] = field(default_factory=dict)
    """Namespace, container and number of a Tasks.Create, to the snapshot that it mounts."""

    def life(self, thing: Stored) -> Life | None:
        """The latest life of an object, None where the calls made none."""
        lives = self.lives.get(thing)
        return lives[-1] if lives else None

    def known(self, kind: str) -> Iterable[tuple[Stored, Life]]:
        """Lives of objects of a kind that the calls certainly began."""
        for thing, lives in self.lives.items():
            if thing.kind == kind:
                yield from ((thing, life) for life in lives if life.certain_start < AFTER)
