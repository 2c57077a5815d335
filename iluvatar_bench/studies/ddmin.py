"""Delta debugging over a set of changes: which few of them take the failure away. Pure.

A search is a generator: it yields a set of changes and wants to be sent whether the failure is
gone with exactly these. Whoever drives it decides how to find that out, and how surely.
"""

from __future__ import annotations

import itertools
from collections.abc import Generator, Sequence

Changes = frozenset[str]
Search = Generator[Changes, bool, tuple[Changes, ...]]
"""Yields a probe, is sent whether the failure is gone, returns the smallest sets found."""


def smallest_sets(changes: Sequence[str]) -> Search:
    """The smallest sets of changes that take the failure away, all of ``changes`` being known to.

    First ddmin (Zeller and Hildebrandt, IEEE Transactions on Software Engineering 28, 2002), which
    ends with a set from which nothing can be left out. If that is a single change, every other
    single change is probed too: an equally small set is an equally good answer.

    Returns:
        At least one set; several only if they are single changes. A set of two or more is
        1-minimal: another one of its size may exist.
    """
    found = yield from _ddmin(tuple(changes))
    if len(found) > 1:
        return (frozenset(found),)
    alone = [frozenset(found)]
    for change in changes:
        if change not in found and (yield frozenset({change})):
            alone.append(frozenset({change}))
    return tuple(alone)


def most_probes(changes: int) -> int:
    """An upper bound of the probes that :func:`smallest_sets` asks for: k² + 3k for ddmin, which
    the paper proves, and the other single changes.
    """
    return changes**2 + 4 * changes


def _ddmin(changes: tuple[str, ...]) -> Generator[Changes, bool, tuple[str, ...]]:
    parts = 2
    while len(changes) > 1:
        chunks = _split(changes, parts)
        for chunk in chunks:
            if (yield frozenset(chunk)):
                changes, parts = chunk, 2
                break
        else:
            # With two parts the complement of one is the other, which was asked already.
            for chunk in chunks if parts > 2 else ():
                rest = tuple(change for change in changes if change not in chunk)
                if (yield frozenset(rest)):
                    changes, parts = rest, max(parts - 1, 2)
                    break
            else:
                if parts >= len(changes):
                    break
                parts = min(2 * parts, len(changes))
    return changes


def _split(changes: tuple[str, ...], parts: int) -> list[tuple[str, ...]]:
    """As equal as may be, in order, none empty."""
    bounds = [len(changes) * part // parts for part in range(parts + 1)]
    return [changes[a:b] for a, b in itertools.pairwise(bounds) if a < b]
