"""The keep-alive pool of a worker, as a pure state machine: no clock, no containers, no waiting.

Its owner tells it what happened, it answers with what is to be done. The rules:

* an arrival is served by an idle container of its function, the most recently used first, or else
  by one that serves already and may serve more at a time;
* without one a container is launched for it, if the budget has room;
* without room idle containers are evicted, in the order of the pool's policy, and the arrival waits
  until they are gone; their memory counts until then. Under the policy ``ttl`` none is evicted: the
  arrival waits until one has been kept for its time;
* who waits is looked at in the order of arrival. What is evicted for one is not given to another
  behind it, so nobody starves; a warm start may overtake a cold one that waits for memory.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Eviction = Literal["lru", "ttl", "greedy_dual", "largest"]
"""Which idle container goes first: the least recently used; none; the one of the lowest priority,
which is the pool's age when it was last used + its function's uses / its memory; the one that
counts for most memory. Among equals the least recently used.

``greedy_dual`` is that of FaasCache (Fuerst and Sharma, ASPLOS 2021, section 4), with the same cost
for every cold start: the age is the priority of the last one that was evicted, and the uses count
from when the function last had no container."""

ContainerNumber = int
"""Containers are numbered in the order of their launches, from 0."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Start this container; its first arrival is this one. None: it is started ahead of any."""

    container: ContainerNumber
    function: str
    arrival: int | None


@dataclass(frozen=True, slots=True)
class Serve:
    """This container, which has room for it, serves this arrival."""

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
    ``first_container`` is the number of the first one, ``parallel`` how many arrivals a container
    serves at a time. Each method answers with the decisions that
    follow, in the order in which to carry them out.
    """

    def __init__(
        self,
        *,
        budget_mib: int,
        memory_mib: Mapping[str, int],
        first_container: int = 0,
        eviction: Eviction = "lru",
        parallel: int = 1,
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
        self._avoided: dict[int, frozenset[ContainerNumber]] = {}
        """The containers that an arrival must not be given, where there are any."""
        self._waiting: OrderedDict[int, str] = OrderedDict()
        """Arrival to function, in the order of arrival."""
        self._waiting_of = {name: OrderedDict[int, int]() for name in self._memory}
        """The same of each function, with the place in that order."""
        self._arrived = 0
        self._launched = first_container
        self._eviction = eviction
        self._parallel = parallel
        self._serving: dict[ContainerNumber, int] = {}
        """How many arrivals each busy container has; those that are not ready yet take no more."""
        self._ready: dict[ContainerNumber, None] = {}
        self._withdrawn: set[ContainerNumber] = set()
        self._age = 0.0
        self._uses: dict[str, int] = {}
        self._priority: dict[ContainerNumber, float] = {}

    @property
    def idle(self) -> tuple[ContainerNumber, ...]:
        """The idle containers, the least recently used first."""
        return tuple(self._idle)

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

    def arrive(
        self, arrival: int, function: str, *, avoid: Collection[ContainerNumber] = ()
    ) -> list[PoolAction]:
        """An arrival came, or comes again: then it is served by none of those to ``avoid``.

        Raises:
            KeyError: a function that the pool does not know.
        """
        self._waiting_of[function][arrival] = self._arrived
        self._waiting[arrival] = function
        if avoid:
            self._avoided[arrival] = frozenset(avoid)
        self._arrived += 1
        return self._decide()

    def prewarm(self, function: str) -> list[PoolAction]:
        """Start one container ahead of any arrival, if the budget has room.

        Raises:
            KeyError: a function that the pool does not know.
        """
        if self._memory[function] > self._budget - sum(self._mib.values()):
            return []
        return [self._launch(function, None)]

    def ready(self, container: ContainerNumber) -> list[PoolAction]:
        """A container has started: while it serves its first arrival it may take more."""
        self._ready[container] = None
        return self._decide()

    def withdraw(self, container: ContainerNumber) -> None:
        """A container turned out to be of no use: it takes no more, and is never idle again."""
        self._ready.pop(container, None)
        self._withdrawn.add(container)

    def release(self, container: ContainerNumber) -> list[PoolAction]:
        """A busy container has served an arrival well, or has started ahead of any.

        With the last of those that it served at a time it is idle.
        """
        if container in self._withdrawn:
            return []
        self._ready[container] = None
        self._serving[container] -= 1
        if self._serving[container] <= 0:
            self._move(container, PoolState.BUSY, PoolState.IDLE)
            self._idle[container] = None
            function = self._functions[container]
            weight = self._uses.get(function, 0) / self._memory[function]
            self._priority[container] = self._age + weight
        return self._decide()

    def retire(self, container: ContainerNumber) -> None:
        """An idle container turned out to be dead, or was kept long enough: it serves nobody.

        Its memory counts until it is gone.
        """
        self._evict(container)

    def gone(self, container: ContainerNumber) -> list[PoolAction]:
        """A container is removed, whatever it was before: its memory is free."""
        self._idle.pop(container, None)
        self._priority.pop(container, None)
        self._ready.pop(container, None)
        self._withdrawn.discard(container)
        self._count(container, self._places[container], -1)
        function = self._functions.pop(container)
        del self._places[container], self._serving[container]
        if function not in self._functions.values():
            self._uses.pop(function, None)
        return self._decide()

    def drop_waiting(self) -> tuple[int, ...]:
        """Give up the arrivals that wait; gives their numbers."""
        dropped = tuple(self._waiting)
        self._waiting.clear()
        self._avoided.clear()
        for waiting in self._waiting_of.values():
            waiting.clear()
        return dropped

    def empty(self) -> list[Evict]:
        """Evict every idle container, least recently used first."""
        return [self._evict(container) for container in tuple(self._idle)]

    def _decide(self) -> list[PoolAction]:
        """What follows now. Of those that wait, no more are looked at than the pool has containers.

        The first that finds no room takes what is free. Those behind it are served by containers
        that are there, or have idle ones evicted; where none may be, only the former is left.
        """
        decisions: list[PoolAction] = []
        free = self._budget - sum(self._mib.values())
        coming = self._mib[PoolState.LEAVING]
        begun: list[int] = []
        for arrival, function in self._waiting.items():
            if free < self._smallest and (self._eviction == "ttl" or not self._idle):
                break
            needed = self._memory[function]
            warm = self._warmest(function, self._avoided.get(arrival, ()))
            if warm is not None:
                decisions.append(self._serve(warm, arrival))
            elif needed <= free:
                free -= needed
                decisions.append(self._launch(function, arrival))
            else:
                while free + coming < needed and (victim := self._victim()) is not None:
                    evicted = self._evict(victim)
                    coming += self._memory[self._functions[evicted.container]]
                    decisions.append(evicted)
                # Set aside for this arrival: nobody behind it may take it.
                at_once = min(free, needed)
                free -= at_once
                coming -= min(coming, needed - at_once)
                continue
            begun.append(arrival)
            del self._waiting_of[function][arrival]
        for arrival in begun:
            del self._waiting[arrival]
            self._avoided.pop(arrival, None)
        return [*decisions, *self._serve_warm()]

    def _serve_warm(self) -> list[PoolAction]:
        """Whom the containers that are there can serve, in the order of arrival."""
        decisions: list[PoolAction] = []
        while True:
            served = [found for name in self._waiting_of if (found := self._next_warm(name))]
            if not served:
                return decisions
            _, arrival, warm = min(served)
            decisions.append(self._serve(warm, arrival))
            del self._waiting_of[self._waiting.pop(arrival)][arrival]
            self._avoided.pop(arrival, None)

    def _next_warm(self, function: str) -> tuple[int, int, ContainerNumber] | None:
        """The first that waits for the function and has a container: place, arrival, container."""
        if self._warmest(function) is None:
            return None
        for arrival, place in self._waiting_of[function].items():
            # All but those that are tried again take any: the first one or so is found.
            warm = self._warmest(function, self._avoided.get(arrival, ()))
            if warm is not None:
                return place, arrival, warm
        return None

    def _launch(self, function: str, arrival: int | None) -> Launch:
        container = self._launched
        self._launched += 1
        self._functions[container] = function
        self._places[container] = PoolState.BUSY
        self._serving[container] = 1
        self._count(container, PoolState.BUSY, 1)
        self._use(function, arrival)
        return Launch(container, function, arrival)

    def _serve(self, container: ContainerNumber, arrival: int) -> Serve:
        if container in self._idle:
            del self._idle[container]
            self._move(container, PoolState.IDLE, PoolState.BUSY)
        self._serving[container] += 1
        self._use(self._functions[container], arrival)
        return Serve(container, arrival)

    def _use(self, function: str, arrival: int | None) -> None:
        self._uses[function] = self._uses.get(function, 0) + (arrival is not None)

    def _victim(self) -> ContainerNumber | None:
        """Which idle container is to go first; None where none is to."""
        if self._eviction == "ttl" or not self._idle:
            return None
        match self._eviction:
            case "lru":
                return next(iter(self._idle))
            case "largest":
                return max(self._idle, key=lambda c: self._memory[self._functions[c]])
            case "greedy_dual":
                victim = min(self._idle, key=self._priority.__getitem__)
                self._age = self._priority[victim]
                return victim

    def _evict(self, container: ContainerNumber) -> Evict:
        del self._idle[container]
        self._move(container, PoolState.IDLE, PoolState.LEAVING)
        return Evict(container)

    def _warmest(
        self, function: str, avoided: Collection[ContainerNumber] = ()
    ) -> ContainerNumber | None:
        """The idle one that was used last, or else a busy one that has room for one more."""
        for container in reversed(self._idle):
            if self._functions[container] == function and container not in avoided:
                return container
        for container in self._ready:
            if (
                self._places[container] is PoolState.BUSY
                and self._functions[container] == function
                and self._serving[container] < self._parallel
                and container not in avoided
            ):
                return container
        return None

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
