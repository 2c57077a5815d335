"""Containers of one cgroup, and which of them ended in the same moment."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from iluvatar_bench.observe.ending import TOGETHER_SECONDS, by_signal
from iluvatar_bench.observe.life import ObservedLife

_MOST_ENDS = 2000


@dataclass(frozen=True, slots=True)
class _End:
    name: str
    cgroup: str
    at: float


@dataclass(slots=True)
class LateEnds:
    """The last ends by a signal, of all containers that are followed (``lives``)."""

    lives: Mapping[tuple[str, str], ObservedLife]
    _ends: deque[_End] = field(default_factory=lambda: deque(maxlen=_MOST_ENDS))

    def add(self, life: ObservedLife) -> None:
        """A task has ended and its status is known."""
        task = life.task
        if task is None or task.exit is None or task.exited_at is None or not life.cgroup:
            return
        if by_signal(task.exit.status) is not None:
            self._ends.append(_End(life.name, life.cgroup, task.exited_at))

    def beside(self, life: ObservedLife) -> tuple[str, ...]:
        """Others of its cgroup that ended by a signal in the same moment."""
        task = life.task
        at = task.exited_at if task is not None else None
        if at is None:
            return ()
        found = (
            end.name
            for end in self._ends
            if end.name != life.name
            and end.cgroup == life.cgroup
            and abs(end.at - at) <= TOGETHER_SECONDS
        )
        return tuple(dict.fromkeys(found))

    def sharing(self, life: ObservedLife) -> tuple[str, ...]:
        """Others that are followed and are in its cgroup."""
        return tuple(
            other.name for other in _of_cgroup(self.lives.values(), life) if other is not life
        )


def _of_cgroup(lives: Iterable[ObservedLife], life: ObservedLife) -> Iterable[ObservedLife]:
    return (other for other in lives if life.cgroup and other.cgroup == life.cgroup)
