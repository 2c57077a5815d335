"""Plain words that a text must contain before any signature can match it.

Reading a log means asking "is there anything here at all?" about gigabytes of healthy lines. A
search for many fixed words at once answers that a hundred times faster than the patterns would.
"""

from __future__ import annotations

from functools import cache

from iluvatar_bench.bugs.signatures import SIGNATURES
from iluvatar_bench.bugs.signatures.literals import required_literals

__all__ = ["failure_words", "required_literals"]


@cache
def failure_words() -> tuple[str, ...]:
    """The words of the whole table, sorted; none is part of another.

    A text without any of them has no bug class. The reverse does not hold.
    """
    every = {word for s in SIGNATURES for word in s.words}
    joined = "\n".join(every)
    # Of a word that is part of another, the longer one adds nothing.
    parts = {word for word in every if joined.count(word) > 1}
    return tuple(sorted(w for w in every if not any(p != w and p in w for p in parts)))
