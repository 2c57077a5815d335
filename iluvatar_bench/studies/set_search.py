"""Which sets of changes are to be tried, and what is left when some are known to suffice. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Sequence

Changes = frozenset[str]


def sets_of_size(
    changes: Sequence[str], size: int, sufficient: Collection[Changes]
) -> tuple[Changes, ...]:
    """Every set of ``size`` changes that holds no sufficient one: those that could be minimal.

    Nothing is assumed of how changes work together, so a set is passed over only because a part of
    it suffices already, never because its parts do not.
    """
    chosen = (frozenset(names) for names in itertools.combinations(changes, size))
    return tuple(one for one in chosen if not any(known <= one for known in sufficient))


def how_many_sets(changes: int, largest: int) -> int:
    """How many sets of 1 to ``largest`` changes there are: the most that a search asks about."""
    return sum(math.comb(changes, size) for size in range(1, largest + 1))


def left_unsearched(changes: int, largest: int) -> int:
    """How many sets are larger than ``largest`` and smaller than all of them together."""
    return max(0, (1 << changes) - 2 - how_many_sets(changes, largest))
