"""Windows: the times in which something that is needed was certainly held by nothing. Pure.

A window starts at the *end* of the call after which the thing was surely there (Prepare, Commit),
or surely held no more (Leases.Delete, Containers.Delete), or when a lease had surely expired. It
ends at the *start* of the call that made something hold it, or of the last call that needed it.
So a window is never longer than it was: a thing that is made, held and needed by calls that
overlap has none, though the collector may have had its moment. Of two calls on *one* object that
overlap, the one that ended first is taken as the first: a client that waits for the answer before
it asks for the next thing has no such calls.

A snapshot is needed until the last call that works with it (to look at it, by Stat or Info, is no
need: clients look whether a thing is there); one that a task mounts until the
task's end is known (the start of Tasks.Delete, or the answer of Tasks.Wait). What no call needs
any more has no window: it is there for the collector. What was there before the first call is not
judged, and a parent goes with its child: only the child is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from iluvatar_bench.clients.stored import Hold, Life, Store, Stored
from iluvatar_bench.clients.time_sets import AFTER, Times, both, times, without

JUDGED = ("snapshot", "content")


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which ``thing`` was there, needed, and held by nothing."""

    thing: Stored
    start: float
    end: float
    made_by: int
    """The call that made the thing."""
    opened_by: int | None
    """The call from whose end on nothing held it; None where a lease expired."""
    lost_hold: Hold | None
    """The hold that ended; None: nothing ever held it before."""
    root: Stored | None
    """The lease, record or image that went away, or whose reference did."""
    closed_by: int | None
    """The call that held it from its start on, or the last that needed it; None: the end."""
    held_after: bool
    """Whether something held it afterwards."""


def find_windows(store: Store, held: Mapping[Stored, Times], last_ns: float) -> Iterator[Window]:
    """Every window, by object.

    Args:
        store: a replay of the calls.
        held: ``held_times`` of it.
        last_ns: the end of the recording.
    """
    incoming = by_target(store)
    for thing, lives in store.lives.items():
        if thing.kind not in JUDGED:
            continue
        for life in lives:
            need = _need(store, thing, life, last_ns)
            if need is None:
                continue
            end, end_call = need
            for start, stop in without(((life.certain_start, end),), held.get(thing, ())):
                yield _window(
                    thing, life, (start, stop), end_call if stop == end else None, incoming, held
                )


def _need(
    store: Store, thing: Stored, life: Life, last_ns: float
) -> tuple[float, int | None] | None:
    """Until when the thing is needed, and the call that says so; None where nothing needs it."""
    if life.foreign or life.certain_start == AFTER:
        return None
    uses = [
        (min(use.end, life.certain_end, last_ns), use.end_call)
        for use in store.uses.get(thing, ())
        if life.certain_start <= use.start <= life.certain_end
    ]
    last = max(uses, key=lambda use: use[0], default=None)
    return last if last is not None and last[0] > life.certain_start else None


def _window(
    thing: Stored,
    life: Life,
    stretch: tuple[float, float],
    needing: int | None,
    incoming: Mapping[Stored, Iterable[Hold]],
    held: Mapping[Stored, Times],
) -> Window:
    start, end = stretch
    lost, root = (None, None)
    if start != life.certain_start:
        lost, root = _lost_hold(thing, start, incoming, set())
    held_after = any(end == other[0] for other in held.get(thing, ()))
    return Window(
        thing=thing,
        start=start,
        end=end,
        made_by=life.made_by or 0,
        opened_by=life.made_by if lost is None else lost.last_call,
        lost_hold=lost,
        root=root,
        closed_by=_holding_call(thing, end, incoming, set()) if held_after else needing,
        held_after=held_after,
    )


def _lost_hold(
    thing: Stored, at: float, incoming: Mapping[Stored, Iterable[Hold]], seen: set[Stored]
) -> tuple[Hold | None, Stored | None]:
    """The hold whose end left the thing to itself, and the object that it began at."""
    seen.add(thing)
    for hold in incoming.get(thing, ()):
        if hold.stretch[1] == at:
            return hold, hold.source or thing
    for hold in incoming.get(thing, ()):
        if hold.source is not None and hold.source not in seen and _spans(hold, at):
            found = _lost_hold(hold.source, at, incoming, seen)
            if found[0] is not None:
                return found
    return None, None


def _holding_call(
    thing: Stored, at: float, incoming: Mapping[Stored, Iterable[Hold]], seen: set[Stored]
) -> int | None:
    """The call from whose start on the thing was held."""
    seen.add(thing)
    for hold in incoming.get(thing, ()):
        if hold.stretch[0] == at:
            return hold.made_by
    for hold in incoming.get(thing, ()):
        if hold.source is not None and hold.source not in seen and _spans(hold, at):
            found = _holding_call(hold.source, at, incoming, seen)
            if found is not None:
                return found
    return None


def _spans(hold: Hold, at: float) -> bool:
    start, end = hold.stretch
    return start <= at <= end


def holders(
    thing: Stored, incoming: Mapping[Stored, Iterable[Hold]], held: Mapping[Stored, Times]
) -> Iterator[tuple[Hold, Times]]:
    """The holds on a thing, each with the times in which it protects."""
    for hold in incoming.get(thing, ()):
        stretch = times([hold.stretch])
        yield hold, stretch if hold.source is None else both(stretch, held.get(hold.source, ()))


def by_target(store: Store) -> dict[Stored, list[Hold]]:
    """The holds by what they hold."""
    incoming: dict[Stored, list[Hold]] = {}
    for hold in store.holds:
        incoming.setdefault(hold.target, []).append(hold)
    return incoming
