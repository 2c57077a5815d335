"""Sets of times: sorted, disjoint, half-open stretches from a start to an end. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

Stretch = tuple[float, float]
Times = tuple[Stretch, ...]
"""Nanoseconds; ``-inf`` and ``inf`` for what began before, or goes on after, the recording."""

BEFORE = -math.inf
AFTER = math.inf
ALWAYS: Times = ((BEFORE, AFTER),)


def times(stretches: Iterable[Stretch]) -> Times:
    """The union; empty stretches are left out, those that touch are one."""
    merged: list[Stretch] = []
    for start, end in sorted(stretch for stretch in stretches if stretch[0] < stretch[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)


def both(one: Times, other: Times) -> Times:
    """The intersection."""
    found: list[Stretch] = []
    i = j = 0
    while i < len(one) and j < len(other):
        start, end = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if start < end:
            found.append((start, end))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return tuple(found)


def without(one: Times, other: Times) -> Times:
    """What is in ``one`` and not in ``other``."""
    edges = [BEFORE, *(edge for stretch in other for edge in stretch), AFTER]
    gaps = tuple((edges[i], edges[i + 1]) for i in range(0, len(edges), 2))
    return both(one, tuple(gap for gap in gaps if gap[0] < gap[1]))
