"""Where in a block of log lines there is anything to look at.

One search for many fixed words passes over healthy lines. The words of failures come from the table
of signatures, the others are what the worker writes when it counts for something else.
"""

from __future__ import annotations

import re
from enum import Enum

from iluvatar_bench.worker_logs.required_words import failure_words
from iluvatar_bench.worker_logs.words import WordSearch


class Interest(Enum):
    """Why a place is looked at."""

    FAILURE = "failure"
    """A word of a signature, a level or a document that reports a failure."""
    INVOCATION = "invocation"
    """An invocation, for the denominators."""
    CONTAINER = "container"
    """A container that comes or goes, for the denominators."""
    SAMPLE = "sample"
    """A container's memory use that changed."""


_REPORTED = (
    "[ERROR]",
    '"ERROR"',
    '{ "Error"',
    '{"Error"',
    '  "Error": ',
    # Objects nested so deep that reading them may fail.
    "}" * 24,
    "]" * 24,
    "]}" * 12,
)
_INVOCATIONS = ("invocation request",)
_CONTAINERS = (
    # The worker, 2022 and today.
    "was launched",
    "container successfully started",
    "Removing container",
    # containerd, once for each shim.
    "starting signal loop",
)
# Backreferences: only a change is a match, so steady containers cost nothing. Each pattern begins
# with fixed text, which the search runs on.
MEMORY_CHANGES = (
    re.compile(rb"new: (-?\d{1,9}); old: (?!\1;)(-?\d{1,9})"),
    re.compile(rb'"new_usage":\s?(-?\d{1,9}),\s?"old":\s?(?!\1\b)(-?\d{1,9})'),
)


def search_words() -> tuple[str, ...]:
    """Every word that is searched for, as used by the comparison with grep."""
    return (*failure_words(), *_REPORTED, *_INVOCATIONS, *_CONTAINERS)


class Prefilter:
    """Finds the places of interest in blocks. Holds no state between calls."""

    def __init__(self) -> None:
        words = search_words()
        self._search = WordSearch([word.encode() for word in words])
        others = dict.fromkeys(_INVOCATIONS, Interest.INVOCATION)
        others |= dict.fromkeys(_CONTAINERS, Interest.CONTAINER)
        self._interests = [others.get(word, Interest.FAILURE) for word in words]

    def places(self, data: bytes) -> list[tuple[int, Interest]]:
        """Offsets into ``data`` and their interest, ascending."""
        found = [(start, self._interests[word]) for start, word in self._search.find(data)]
        found += [(m.start(), Interest.SAMPLE) for p in MEMORY_CHANGES for m in p.finditer(data)]
        return sorted(found, key=_offset)


def _offset(place: tuple[int, Interest]) -> int:
    return place[0]
