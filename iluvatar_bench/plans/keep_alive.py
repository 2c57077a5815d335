"""The keep-alive pool of a worker, as a pure state machine: no clock, no containers, no waiting.

Its owner tells it what happened, it answers with what is to be done. The rules:

* an arrival is served by an idle container of its function, the most recently used first;
* without one a container is launched for it, if the budget has room;
* without room idle containers are evicted, the least recently used first, and the arrival waits
  until they are gone; their memory counts until then;
* who waits is looked at in the order of arrival. What is evicted for one is not given to another
  behind it, so nobody starves; a warm start may overtake a cold one that waits for memory.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

ContainerNumber = int
"""Containers are numbered in the order of their launches, from 0."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Start this container; its first arrival is this one."""

    container: ContainerNumber
    function: str
    arrival: int


@dataclass(frozen=True, slots=True)
class Serve:
    """This idle container serves this arrival."""

    container: ContainerNumber
    arrival: int


@dataclass(frozen=True, slots=True)
class Evict:
    """Remove this idle container."""

    container: ContainerNumber


PoolAction = Launch | Serve | Evict


class PoolState(StrEnum):
    """Where a container stands in the pool."""

    BUSY = "busy"
    """Starting or serving."""
    IDLE = "idle"
    LEAVING = "leaving"
    """Of no use any more, and not yet gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupancy:
    """The pool at one moment: containers by place, arrivals that wait, memory (MiB) that counts."""

    busy: int
    idle: int
    leaving: int
    waiting: int
    resident_mib: int


class KeepAlivePool:
    """Containers within a memory budget, and the arrivals that wait for one.

    ``memory_mib`` says what one container of each function counts for; none may exceed the budget.
    ``first_container`` is the number of the first one. Each method answers with the decisions that
    follow, in the order in which to carry them out.
    """

    def __init__(
        self, *, budget_mib: int, memory_mib: Mapping[str, int], first_container: int = 0
    ) -> None:
        if any(not 0 < needed <= budget_mib for needed in memory_mib.values()):
            raise ValueError("every function must count for something and fit into the budget")
        self._budget = budget_mib
        self._memory = dict(memory_mib)
        self._smallest = min(self._memory.values(), default=0)
        self._functions: dict[ContainerNumber, str] = {}
        self._places: dict[ContainerNumber, PoolState] = {}
        self._counts = dict.fromkeys(PoolState, 0)
        self._mib = dict.fromkeys(PoolState, 0)
        """Containers and memory by place: nothing is counted anew at a decision."""
        # Ordered ones: what is taken from their front is gone at once. A dict keeps the holes, and
        # looks through all of them for what is first.
        self._idle: OrderedDict[ContainerNumber, None] = OrderedDict()
        """The idle ones, least recently used first."""
        self._idle_of = {name: OrderedDict[ContainerNumber, None]() for name in self._memory}
        self._waiting: OrderedDict[int, str] = OrderedDict()
        """Arrival to function, in the order of arrival."""
        self._launched = first_container

    @property
    def occupancy(self) -> Occupancy:
        """The pool at this moment."""
        return Occupancy(
            busy=self._counts[PoolState.BUSY],
            idle=self._counts[PoolState.IDLE],
            leaving=self._counts[PoolState.LEAVING],
            waiting=len(self._waiting),
            resident_mib=sum(self._mib.values()),
        )

    def arrive(self, arrival: int, function: str) -> list[PoolAction]:
        """An arrival came.

        Raises:
            KeyError: a function that the pool does not know.
        """
        self._memory[function]
        self._waiting[arrival] = function
        return self._decide()

    def release(self, container: ContainerNumber) -> list[PoolAction]:
        """A busy container has served its arrival well and is idle now."""
        self._move(container, PoolState.BUSY, PoolState.IDLE)
        self._idle[container] = self._idle_of[self._functions[container]][container] = None
        return self._decide()

    def retire(self, container: ContainerNumber) -> None:
        """An idle container turned out to be dead, or was kept long enough: it serves nobody.

        Its memory counts until it is gone.
        """
        self._evict(container)

    def gone(self, container: ContainerNumber) -> list[PoolAction]:
        """A container is removed, whatever it was before: its memory is free."""
        place = self._places[container]
        if place is PoolState.IDLE:
            self._not_idle(container)
        self._count(container, place, -1)
        del self._places[container], self._functions[container]
        return self._decide()

    def drop_waiting(self) -> tuple[int, ...]:
        """Give up the arrivals that wait; gives their numbers."""
        dropped = tuple(self._waiting)
        self._waiting.clear()
        return dropped

    def empty(self) -> list[Evict]:
        """Evict every idle container, least recently used first."""
        return [self._evict(container) for container in tuple(self._idle)]

    def _decide(self) -> list[PoolAction]:
        """What follows now. Of those that wait, no more are looked at than the pool has containers.

        The first that finds no room takes what is free; those behind it can be served by idle
        containers only, or have them evicted, until there are none.
        """
        decisions: list[PoolAction] = []
        free = self._budget - sum(self._mib.values())
        coming = self._mib[PoolState.LEAVING]
        begun: list[int] = []
        for arrival, function in self._waiting.items():
            if not self._idle and free < self._smallest:
                break
            needed = self._memory[function]
            warm = next(reversed(self._idle_of[function]), None)
            if warm is not None:
                self._not_idle(warm)
                self._move(warm, PoolState.IDLE, PoolState.BUSY)
                decisions.append(Serve(warm, arrival))
            elif needed <= free:
                free -= needed
                decisions.append(self._launch(function, arrival))
            else:
                while free + coming < needed and self._idle:
                    evicted = self._evict(next(iter(self._idle)))
                    coming += self._memory[self._functions[evicted.container]]
                    decisions.append(evicted)
                # Set aside for this arrival: nobody behind it may take it.
                at_once = min(free, needed)
                free -= at_once
                coming -= min(coming, needed - at_once)
                continue
            begun.append(arrival)
        for arrival in begun:
            del self._waiting[arrival]
        return decisions

    def _launch(self, function: str, arrival: int) -> Launch:
        container = self._launched
        self._launched += 1
        self._functions[container] = function
        self._places[container] = PoolState.BUSY
        self._count(container, PoolState.BUSY, 1)
        return Launch(container, function, arrival)

    def _evict(self, container: ContainerNumber) -> Evict:
        self._not_idle(container)
        self._move(container, PoolState.IDLE, PoolState.LEAVING)
        return Evict(container)

    def _not_idle(self, container: ContainerNumber) -> None:
        del self._idle[container], self._idle_of[self._functions[container]][container]

    def _move(self, container: ContainerNumber, before: PoolState, after: PoolState) -> None:
        if self._places[container] is not before:
            raise ValueError(
                f"container {container} is {self._places[container]}, it must be {before}"
            )
        self._places[container] = after
        self._count(container, before, -1)
        self._count(container, after, 1)

    def _count(self, container: ContainerNumber, place: PoolState, number: int) -> None:
        self._counts[place] += number
        self._mib[place] += number * self._memory[self._functions[container]]
