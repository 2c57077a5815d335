"""Our own log of Kills and signals: without it nobody could say whose Kill hit whom."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from iluvatar_bench.bugs import KillFact, Target

MOST_KEPT = 10_000


class KillLog:
    """The last Kills that this client sent, and signals of its own, in order.

    One log for all containers of a run. A Kill is evidence for seconds: of the container that it
    was sent to, and of those beside it at that moment.
    """

    def __init__(self) -> None:
        self._under_way: list[KillFact] = []
        self._ended: deque[KillFact] = deque(maxlen=MOST_KEPT)

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
        self._under_way.append(kill)
        try:
            yield kill
        finally:
            self._under_way = [other for other in self._under_way if other is not kill]
            self._ended.append(replace(kill, ended_at=time.time()))

    def of(self, container_id: str) -> tuple[KillFact, ...]:
        """The Kills sent to one container."""
        return tuple(kill for kill in self._kills() if kill.container_id == container_id)

    def _kills(self) -> list[KillFact]:
        return sorted((*self._ended, *self._under_way), key=lambda kill: kill.started_at)

    def of_neighbours(
        self, container_id: str, *, cgroup: str, since: float
    ) -> tuple[KillFact, ...]:
        """Kills of other containers that reach this cgroup and were under way after ``since``.

        A Kill of every process in a cgroup is one of those in the cgroups below it as well.
        """
        return tuple(
            kill
            for kill in self._kills()
            if kill.container_id != container_id
            and f"{cgroup}/".startswith(f"{kill.cgroup}/")
            and (kill.ended_at is None or kill.ended_at >= since)
        )
