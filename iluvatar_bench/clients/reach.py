"""When each stored object is possibly held: what the collector reaches from its roots. Pure.

Source of the rules: containerd ``metadata/gc.go`` (1.6.20), ``scanRoots`` and ``references``.
"""

from __future__ import annotations

from collections.abc import Mapping

from iluvatar_bench.clients.stored import Hold, Store, Stored
from iluvatar_bench.clients.time_sets import ALWAYS, BEFORE, Stretch, Times, both, times

Reached = tuple[Stored, bool]
"""An object, and whether it is reached through a flat lease only."""


def held_times(store: Store) -> Mapping[Stored, Times]:
    """For each object that something names, the times at which it is possibly held.

    An object that was there before the first call is taken as held until a call removed it.
    """
    outgoing: dict[Stored, list[Hold]] = {}
    roots: dict[Stored, list[Stretch]] = {}
    for hold in store.holds:
        if hold.source is None:
            roots.setdefault(hold.target, []).append(hold.stretch)
        else:
            outgoing.setdefault(hold.source, []).append(hold)
    for thing in outgoing:
        roots.setdefault(thing, []).extend(_from_before(store, thing))
    held: dict[Reached, Times] = {(thing, False): times(each) for thing, each in roots.items()}
    waiting = dict.fromkeys(held)
    while waiting:
        node = next(iter(waiting))
        del waiting[node]
        found: dict[Reached, list[Stretch]] = {}
        for hold in outgoing.get(node[0], ()):
            onward = _onward(node, hold)
            if onward is not None and not _unknown(store, onward[0]):
                found.setdefault(onward, []).extend(both(held[node], times([hold.stretch])))
        for onward, more in found.items():
            now = times((*held.get(onward, ()), *more))
            if now != held.get(onward, ()):
                held[onward] = now
                waiting[onward] = None
    whole: dict[Stored, Times] = {}
    for (thing, _), stretches in held.items():
        whole[thing] = times((*whole.get(thing, ()), *stretches))
    return whole


def _onward(node: Reached, hold: Hold) -> Reached | None:
    """Where a hold leads from an object that is reached so; None where it is not followed."""
    _, flat = node
    if hold.reason == "lease":
        return hold.target, hold.flat
    if flat and hold.reason != "parent":
        # A flat lease holds a snapshot's parents, and nothing that its labels name.
        return None
    return hold.target, flat


def _from_before(store: Store, thing: Stored) -> Times:
    lives = store.lives.get(thing, ())
    if not lives:
        return ALWAYS
    return times((BEFORE, life.possible_end) for life in lives if life.foreign)


def _unknown(store: Store, thing: Stored) -> bool:
    """Nothing is said of what the calls did not make: no need to work its times out."""
    return not any(not life.foreign for life in store.lives.get(thing, ()))
