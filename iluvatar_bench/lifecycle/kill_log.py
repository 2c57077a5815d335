"""Our own log of Kills and signals: without it nobody could say whose Kill hit whom."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from iluvatar_bench.bugs import KillFact, Target


class KillLog:
    """Every Kill that this client sent, and every signal of its own, in order.

    One log for all containers of a run.
    """

    def __init__(self) -> None:
        self._kills: list[KillFact] = []

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
        index = len(self._kills)
        kill = KillFact(
            container_id=container_id,
            cgroup=cgroup,
            all_processes=all_processes,
            signal=signal,
            started_at=time.time(),
            pid=pid,
            target=target,
        )
        self._kills.append(kill)
        try:
            yield kill
        finally:
            self._kills[index] = replace(kill, ended_at=time.time())

    def of(self, container_id: str) -> tuple[KillFact, ...]:
        """The Kills sent to one container."""
        return tuple(kill for kill in self._kills if kill.container_id == container_id)

    def of_neighbours(
        self, container_id: str, *, cgroup: str, since: float
    ) -> tuple[KillFact, ...]:
        """Kills of other containers in the same cgroup that were under way after ``since``."""
        return tuple(
            kill
            for kill in self._kills
            if kill.container_id != container_id
            and kill.cgroup == cgroup
            and (kill.ended_at is None or kill.ended_at >= since)
        )
