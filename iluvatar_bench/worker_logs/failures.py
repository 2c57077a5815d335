"""From reports to failures: one failure of one container counts once.

Works in any order of files; what the order of entries decides is decided by their times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from iluvatar_bench.worker_logs.activity import DistinctIds
from iluvatar_bench.worker_logs.failure import LogFailure
from iluvatar_bench.worker_logs.names import is_never_reused

MOST_FAILURES = 20_000
"""Failures kept one by one, up to 3 KiB each. Further ones are counted, not listed."""
REUSED_NAME_GAP = timedelta(seconds=60)
"""A name that may be used again means a new container after this long without a report."""

OverflowCell = tuple[str, str, str, str]
"""Bug class, function, version, UTC hour."""


class Failures:
    """Gathers failures while files are read; :meth:`finished` ends it."""

    def __init__(self, *, most: int = MOST_FAILURES) -> None:
        self._most = most
        self._by_container: dict[str, list[LogFailure]] = {}
        self._alone: list[LogFailure] = []
        self._kept = 0
        self.to_join: list[LogFailure] = []
        self.overflow: Counter[OverflowCell] = Counter()
        self._overflow_ids = DistinctIds()

    def add(self, failure: LogFailure) -> None:
        """Take in one report."""
        if failure.container_id is not None:
            self._of_container(failure, failure.container_id)
        elif self._full(failure):
            return
        elif failure.needs_join:
            self.to_join.append(failure)
        else:
            self._alone.append(failure)

    def finished(self, joins: Mapping[tuple[str, int], str]) -> list[LogFailure]:
        """All failures by time (those without one last), then file and line.

        ``joins`` names the container of a report in ``to_join`` by its file and line. What stays
        without a container is one failure per transaction.
        """
        by_transaction: dict[str, LogFailure] = {}
        for failure in self.to_join:
            container = joins.get((failure.file, failure.line))
            if container is not None:
                self._kept -= 1
                failure.belongs_to(container)
                self._of_container(failure, container)
            elif failure.transaction_id in by_transaction:
                by_transaction[failure.transaction_id].absorb(failure)
            elif failure.transaction_id is not None:
                by_transaction[failure.transaction_id] = failure
        self.to_join = []
        every = [f for group in self._by_container.values() for f in group]
        every += [*by_transaction.values(), *self._alone]
        return sorted(
            every,
            key=lambda f: (f.time is None, f.time.timestamp() if f.time else 0, f.file, f.line),
        )

    def _of_container(self, failure: LogFailure, container: str) -> None:
        episodes = self._by_container.get(container, [])
        for known in episodes:
            if is_never_reused(container) or _one_episode(known, failure):
                known.absorb(failure)
                return
        if self._full(failure):
            return
        self._by_container.setdefault(container, []).append(failure)

    def _full(self, failure: LogFailure) -> bool:
        if self._kept < self._most:
            self._kept += 1
            return False
        if failure.container_id is None or self._overflow_ids.add(failure.container_id):
            hour = f"{failure.time:%Y-%m-%d %H:00}" if failure.time else ""
            cell = (failure.bug_class, failure.function or "", failure.version or "", hour)
            self.overflow[cell] += 1
        return True


def _one_episode(known: LogFailure, later: LogFailure) -> bool:
    if later.time is None or known.time is None or known.last_seen is None:
        return True
    return known.time - REUSED_NAME_GAP <= later.time <= known.last_seen + REUSED_NAME_GAP
