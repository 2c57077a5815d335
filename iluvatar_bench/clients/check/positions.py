"""The positions of a client's order of calls, found again in every run of it. Pure.

A call is known by its method, its containerd namespace and its subject, and by how many calls of
the same three came before it: so the calls of a client that does several things at once are told
apart whatever order they come in. A subject that is not the same in two undisturbed runs (a random
name) tells nothing and counts as ``*``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from iluvatar_bench.clients.check.outcome import Fault
from iluvatar_bench.records.call import Call

ID = "{id}"
ANY = "*"

_SUBJECTS = ("key", "container_id", "digest", "ref", "id", "name")
"""What a request is about, by the names of its known fields; the first that is there counts."""


@dataclass(frozen=True, slots=True)
class CallKey:
    """What makes a call of one run the same as one of another run."""

    method: str
    namespace: str
    subject: str
    occurrence: int
    """Counted from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One place in the order: before the call of this number, from 1.

    The last position is after the last call; it has no ``key``.
    """

    number: int
    key: CallKey | None
    always: bool = True
    """Whether both undisturbed runs made the call."""

    @property
    def call(self) -> str:
        """The call in short, as in ``Snapshots.Prepare {id}``."""
        if self.key is None:
            return "(after the last call)"
        service, _, method = self.key.method.partition("/")
        shown = "" if self.key.subject in ("", ANY) else f" {_short(self.key.subject)}"
        again = f" ({self.key.occurrence})" if self.key.occurrence > 1 else ""
        return f"{service.rpartition('.')[2]}.{method}{shown}{again}"


def can_stand(fault: Fault, position: Position) -> bool:
    """Whether a fault means something there: after the last call there is but a collection."""
    return position.key is not None or fault is Fault.COLLECTION


def subject_of(request: Mapping[str, Any], container_id: str) -> str:
    """What a request is about, with the run's own name as ``{id}``; empty where not known."""
    for name in _SUBJECTS:
        value = request.get(name)
        if isinstance(value, str) and value:
            return value.replace(container_id, ID)
    return ""


class CallNames:
    """Gives each call of one run its key, in the order in which they arrive."""

    def __init__(self, container_id: str, known: frozenset[tuple[str, str, str]] | None) -> None:
        self._id = container_id
        self._known = known
        self._counts: Counter[tuple[str, str, str]] = Counter()

    def name(self, method: str, namespace: str | None, request: Mapping[str, Any]) -> CallKey:
        """The key of the next call."""
        about = (method, namespace or "", subject_of(request, self._id))
        if self._known is not None and about not in self._known:
            about = (*about[:2], ANY)
        self._counts[about] += 1
        return CallKey(*about, self._counts[about])


@dataclass(frozen=True, slots=True)
class Order:
    """A client's order of calls, from its undisturbed runs."""

    positions: tuple[Position, ...]
    known: frozenset[tuple[str, str, str]]

    def names(self, container_id: str) -> CallNames:
        """Gives the calls of one more run their keys."""
        return CallNames(container_id, self.known)

    def number_of(self, key: CallKey) -> int | None:
        """The call's position; None for one that no undisturbed run made."""
        return next((p.number for p in self.positions if p.key == key), None)

    def keys(self, calls: Iterable[Call], container_id: str) -> list[tuple[Call, CallKey]]:
        """Each call of one run, in the order of its arrival, with its key."""
        names = self.names(container_id)
        return [
            (call, names.name(call.method, call.namespace, call.request))
            for call in sorted(calls, key=lambda call: call.number)
        ]


def align(recordings: Sequence[tuple[str, Sequence[Call]]]) -> Order:
    """The order of the first run, with the calls that only others made behind it.

    Each recording is the run's container id and its calls.
    """
    known = frozenset.intersection(
        *(
            frozenset(
                (call.method, call.namespace or "", subject_of(call.request, container_id))
                for call in calls
            )
            for container_id, calls in recordings
        )
    )
    unnumbered = Order((), known)
    runs = [
        [key for _, key in unnumbered.keys(calls, container_id)]
        for container_id, calls in recordings
    ]
    everywhere = frozenset.intersection(*map(frozenset, runs))
    keys = list(dict.fromkeys(key for run in runs for key in run))
    positions = [
        Position(number=number, key=key, always=key in everywhere)
        for number, key in enumerate(keys, start=1)
    ]
    return Order((*positions, Position(number=len(keys) + 1, key=None)), known)


def _short(subject: str, length: int = 32) -> str:
    kind, _, digest = subject.partition(":")
    if kind == "sha256":
        return f"sha256:{digest[:8]}"
    return subject if len(subject) <= length else f"{subject[: length - 1]}…"
