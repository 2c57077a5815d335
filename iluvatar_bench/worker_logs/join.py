"""Whom a line is about that names only a transaction: a second look at the files.

The first pass knows too late which transactions will matter. Rather than remember them all, the
few that do are searched for afterwards, in every line of every file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from iluvatar_bench.worker_logs.names import container_in
from iluvatar_bench.worker_logs.problems import Problems
from iluvatar_bench.worker_logs.source import LogSource
from iluvatar_bench.worker_logs.words import WordSearch

Place = tuple[str, int]
"""File and line."""


def containers_by_transaction(
    sources: Sequence[LogSource], wanted: Iterable[tuple[Place, str]]
) -> dict[Place, str]:
    """The container of each wanted place, found through the transaction named there.

    A transaction may touch several containers (one is evicted to make room for another): the one
    named last before the place counts, else the one named first after it. Places whose transaction
    never stands in a line with a container are missing from the answer.
    """
    seeker = _Seeker(wanted)
    if seeker.transactions:
        for source in sources:
            seeker.look_through(source)
    return seeker.found


class _Seeker:
    def __init__(self, wanted: Iterable[tuple[Place, str]]) -> None:
        self._wanted = dict(wanted)
        self.transactions = sorted(set(self._wanted.values()))
        self._words = [t.encode() for t in self.transactions]
        self._latest: dict[str, str] = {}
        self._waiting: dict[str, list[Place]] = defaultdict(list)
        self.found: dict[Place, str] = {}

    def look_through(self, source: LogSource) -> None:
        search = WordSearch(self._words)
        for block in source.blocks(Problems(source.name)):
            data, number, counted = block.data, block.line, 0
            for position, word in sorted(search.find(data)):
                behind = position + len(self._words[word])
                if _goes_on(data[max(position - 1, 0) : position], data[behind : behind + 1]):
                    continue
                start = data.rfind(b"\n", 0, position) + 1
                number += data.count(b"\n", counted, start)
                counted = max(start, counted)
                end = data.find(b"\n", position)
                line = data[start : end if end >= 0 else len(data)]
                self._line((source.name, number), self.transactions[word], line)

    def _line(self, place: Place, transaction: str, line: bytes) -> None:
        container = container_in(line.decode(errors="replace"))
        if container is not None:
            self._latest[transaction] = container
            for waiting in self._waiting.pop(transaction, []):
                self.found[waiting] = container
        if self._wanted.get(place) == transaction:
            if transaction in self._latest:
                self.found[place] = self._latest[transaction]
            else:
                self._waiting[transaction].append(place)


def _goes_on(before: bytes, after: bytes) -> bool:
    """Whether a word found is only a part of a longer one: "t1" in "t10"."""
    return any(c.isalnum() or c in (b"_", b"-") for c in (before, after))
