"""Our own log of Kills and signals: without it nobody could say whose Kill hit whom."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count

from iluvatar_bench.bugs import KillFact, Target
from iluvatar_bench.lifecycle.cgroup_log import CgroupLog

MOST_KEPT = 10_000

_MOST_MEASURED = 1000
_QUANTILE = 0.99


class KillLog:
    """The last Kills that this client sent, and signals of its own, in order.

    One log for all containers of a run. A Kill is evidence for seconds: of the container that it
    was sent to, and of those beside it at that moment. ``cgroups`` has what else was done to
    whole cgroups.
    """

    def __init__(self) -> None:
        self.cgroups = CgroupLog()
        self._under_way: dict[int, KillFact] = {}
        self._ended: deque[_Ended] = deque()
        self._ended_of: dict[str, deque[KillFact]] = {}
        """The same by container: a failure asks for its own, whatever the others were sent."""
        self._late_seconds: deque[float] = deque(maxlen=_MOST_MEASURED)
        self._numbers = count()
        self._began = time.time()

    @contextmanager
    def record(
        self,
        container_id: str,
        *,
        cgroup: str,
        all_processes: bool,
        signal: int,
        pid: int | None = None,
        target: Target = Target.PROCESS,
    ) -> Iterator[KillFact]:
        """Note the Kill before it is sent, and its end whatever the answer.

        ``pid`` is the process that a signal from outside is sent to; None: a request to containerd.
        """
        kill = KillFact(
            container_id=container_id,
            cgroup=cgroup,
            all_processes=all_processes,
            signal=signal,
            started_at=time.time(),
            pid=pid,
            target=target,
        )
        number = next(self._numbers)
        self._under_way[number] = kill
        try:
            yield kill
        finally:
            del self._under_way[number]
            self._keep(replace(kill, ended_at=time.time()))

    def _keep(self, kill: KillFact) -> None:
        assert kill.ended_at is not None
        before = self._ended[-1].newest if self._ended else kill.ended_at
        self._ended.append(_Ended(kill, max(before, kill.ended_at)))
        self._ended_of.setdefault(kill.container_id, deque()).append(kill)
        if len(self._ended) > MOST_KEPT:
            oldest = self._ended.popleft().kill.container_id
            self._ended_of[oldest].popleft()
            if not self._ended_of[oldest]:
                del self._ended_of[oldest]

    def reaped(self, container_id: str, exited_at: datetime | None) -> None:
        """Note when a container that this client killed had ended, as containerd says."""
        if exited_at is None:
            return
        at = exited_at.timestamp()
        kills = self._ended_of.get(container_id)
        if kills and kills[-1].started_at <= at and kills[-1].ended_at is not None:
            self._late_seconds.append(max(0.0, at - kills[-1].ended_at))

    def reaping_seconds(self) -> float | None:
        """How long after the answer to a Kill the exit came, in 99 of 100 cases; None: not seen.

        With fewer than a hundred, in all of them.
        """
        if not self._late_seconds:
            return None
        ordered = sorted(self._late_seconds)
        return ordered[min(int(_QUANTILE * len(ordered)), len(ordered) - 1)]

    def known_since(self, wanted: float) -> float:
        """From when on it has every Kill, ``wanted`` or later."""
        full = len(self._ended) == MOST_KEPT
        return max(wanted, self._ended[0].kill.started_at if full else self._began)

    def of(self, container_id: str) -> tuple[KillFact, ...]:
        """The Kills sent to one container."""
        under_way = (k for k in self._under_way.values() if k.container_id == container_id)
        return _in_order((*self._ended_of.get(container_id, ()), *under_way))

    def of_neighbours(
        self, container_id: str, *, cgroup: str, since: float
    ) -> tuple[KillFact, ...]:
        """Kills of other containers that reach this cgroup and were under way after ``since``.

        A Kill of every process in a cgroup is one of those in the cgroups below it as well.
        """
        return _in_order(
            kill
            for kill in (*self._ended_since(since), *self._under_way.values())
            if kill.container_id != container_id and f"{cgroup}/".startswith(f"{kill.cgroup}/")
        )

    def _ended_since(self, since: float) -> list[KillFact]:
        """Those that ended at ``since`` or later, in the order of their ends."""
        found: list[KillFact] = []
        for ended in reversed(self._ended):
            if ended.newest < since:
                break
            if ended.kill.ended_at is not None and ended.kill.ended_at >= since:
                found.append(ended.kill)
        return found[::-1]


@dataclass(frozen=True, slots=True)
class _Ended:
    """A Kill, and the latest end up to it: the clock of the host may have been set back."""

    kill: KillFact
    newest: float


def _in_order(kills: Iterable[KillFact]) -> tuple[KillFact, ...]:
    return tuple(sorted(kills, key=lambda kill: kill.started_at))
