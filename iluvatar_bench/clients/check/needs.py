"""Until which position of its order a client needs what it has made. Pure.

What the client says does not count: a thing is needed until the last of its own undisturbed calls
that uses it, and for good where the undisturbed client leaves it on the node. A snapshot that a
process runs on is needed as long as that process lives, which only the daemon knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from iluvatar_bench.clients.check.made import Made
from iluvatar_bench.clients.check.positions import CallKey, Order
from iluvatar_bench.clients.stored import Stored

FOR_GOOD = 10**9
"""The last position at which something is needed that the client leaves."""


@dataclass(frozen=True, slots=True)
class Needs:
    """By the call that makes a thing: the number of the last position that needs it."""

    last: Mapping[CallKey, int]

    def at(self, position: int, made: Made) -> tuple[Stored, ...]:
        """Of what a run has made so far, what its next calls need."""
        return tuple(
            thing for thing, key in made.things.items() if self.last.get(key, 0) >= position
        )

    def for_good(self, made: Made) -> tuple[Stored, ...]:
        """Of what a run has made, what is to stay."""
        return self.at(FOR_GOOD, made)


def needs_of(order: Order, made: Made, left: Iterable[Stored]) -> Needs:
    """The needs of an undisturbed run; ``left`` is what outlived a collection after it."""
    last: dict[CallKey, int] = {}
    kept = set(left)
    for thing, key in made.ever.items():
        uses = [order.number_of(use) or 0 for use in made.uses.get(thing, ())]
        last[key] = FOR_GOOD if thing in kept else max(uses, default=0)
    return Needs(last)
