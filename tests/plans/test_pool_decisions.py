"""Decisions of the keep-alive pool against one that counts everything anew, and how they scale."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from iluvatar_bench.plans import KeepAlivePool
from iluvatar_bench.plans.keep_alive import (
    Evict,
    Eviction,
    Launch,
    Occupancy,
    PoolAction,
    PoolState,
    Serve,
)

MEMORY = {"a": 1, "b": 2, "c": 5}
BUDGET = 9


class CountingPool:
    """The pool's rules without any bookkeeping: lists, each looked through from its beginning."""

    def __init__(self) -> None:
        self.functions: dict[int, str] = {}
        self.idle: list[int] = []
        self.leaving: list[int] = []
        self.waiting: list[tuple[int, str]] = []
        self.launched = 0

    def occupancy(self) -> Occupancy:
        return Occupancy(
            busy=len(self.functions) - len(self.idle) - len(self.leaving),
            idle=len(self.idle),
            leaving=len(self.leaving),
            waiting=len(self.waiting),
            resident_mib=sum(MEMORY[name] for name in self.functions.values()),
        )

    def decide(self) -> list[PoolAction]:
        decisions: list[PoolAction] = []
        free = BUDGET - self.occupancy().resident_mib
        coming = sum(MEMORY[self.functions[container]] for container in self.leaving)
        still: list[tuple[int, str]] = []
        for arrival, function in self.waiting:
            needed = MEMORY[function]
            warm = [container for container in self.idle if self.functions[container] == function]
            if warm:
                self.idle.remove(warm[-1])
                decisions.append(Serve(warm[-1], arrival))
            elif needed <= free:
                free -= needed
                self.functions[self.launched] = function
                decisions.append(Launch(self.launched, function, arrival))
                self.launched += 1
            else:
                while free + coming < needed and self.idle:
                    self.leaving.append(self.idle.pop(0))
                    coming += MEMORY[self.functions[self.leaving[-1]]]
                    decisions.append(Evict(self.leaving[-1]))
                at_once = min(free, needed)
                free -= at_once
                coming -= min(coming, needed - at_once)
                still.append((arrival, function))
        self.waiting = still
        return decisions


MOVES = st.tuples(st.sampled_from(["arrive", "release", "retire", "gone"]), st.integers(0, 99))


@settings(max_examples=120)
@given(st.lists(MOVES, max_size=80))
def test_every_decision_is_that_of_a_pool_that_counts_anew(moves: list[tuple[str, int]]) -> None:
    pool = KeepAlivePool(budget_mib=BUDGET, memory_mib=MEMORY)
    slow = CountingPool()
    arrived = 0
    for move, drawn in moves:
        busy = [c for c in slow.functions if c not in slow.idle and c not in slow.leaving]
        choices = {"release": busy, "retire": slow.idle, "gone": list(slow.functions)}
        if move != "arrive" and not choices[move]:
            continue
        if move == "arrive":
            function = "abc"[drawn % 3]
            slow.waiting.append((arrived, function))
            decided, expected = pool.arrive(arrived, function), slow.decide()
            arrived += 1
        else:
            container = choices[move][drawn % len(choices[move])]
            if move == "release":
                slow.idle.append(container)
                decided, expected = pool.release(container), slow.decide()
            elif move == "retire":
                slow.idle.remove(container)
                slow.leaving.append(container)
                pool.retire(container)
                decided = expected = []
            else:
                for held in (slow.idle, slow.leaving):
                    if container in held:
                        held.remove(container)
                del slow.functions[container]
                decided, expected = pool.gone(container), slow.decide()
        assert decided == expected
        assert pool.occupancy == slow.occupancy()


class LookingThroughAll(KeepAlivePool):
    """The same pool, which at each decision looks at everyone who waits, whatever is left."""

    def _decide(self) -> list[PoolAction]:
        decisions: list[PoolAction] = []
        memory = {c: self._memory[name] for c, name in self._functions.items()}
        leaving = [c for c, place in self._places.items() if place is PoolState.LEAVING]
        free = self._budget - sum(memory.values())
        coming = sum(memory[container] for container in leaving)
        for arrival, function in tuple(self._waiting.items()):
            needed = self._memory[function]
            warm = self._warmest(function)
            if warm is not None:
                decisions.append(self._serve(warm, arrival))
            elif needed <= free:
                free -= needed
                decisions.append(self._launch(function, arrival))
            else:
                while free + coming < needed and (victim := self._victim()) is not None:
                    decisions.append(self._evict(victim))
                    coming += memory[victim]
                at_once = min(free, needed)
                free -= at_once
                coming -= min(coming, needed - at_once)
                continue
            del self._waiting[arrival]
        return decisions


@settings(max_examples=150)
@given(
    st.sampled_from(["lru", "ttl", "greedy_dual", "largest"]),
    st.integers(1, 3),
    st.lists(
        st.tuples(
            st.sampled_from(["arrive", "arrive", "release", "retire", "gone", "ready", "prewarm"]),
            st.integers(0, 99),
        ),
        max_size=80,
    ),
)
def test_no_eviction_and_no_sharing_changes_what_is_decided(
    eviction: Eviction, parallel: int, moves: list[tuple[str, int]]
) -> None:
    pool, slow = (
        kind(budget_mib=BUDGET, memory_mib=MEMORY, eviction=eviction, parallel=parallel)
        for kind in (KeepAlivePool, LookingThroughAll)
    )
    for number, (move, drawn) in enumerate(moves):
        states = slow._places
        busy = [c for c, place in states.items() if place is PoolState.BUSY]
        chosen = {"retire": list(slow.idle), "gone": list(states), "release": busy, "ready": busy}
        match move:
            case "arrive":
                arguments = (number, "abc"[drawn % 3])
            case "prewarm":
                arguments = ("abc"[drawn % 3],)
            case _ if chosen[move]:
                arguments = (chosen[move][drawn % len(chosen[move])],)
            case _:
                continue
        assert getattr(pool, move)(*arguments) == getattr(slow, move)(*arguments)
        assert pool.idle == slow.idle
        assert tuple(pool._waiting) == tuple(slow._waiting)
    assert pool.drop_waiting() == slow.drop_waiting()


class CountedMemory(dict[str, int]):
    """Counts how often a decision asks what a function needs."""

    asked = 0

    def __getitem__(self, name: str) -> int:
        CountedMemory.asked += 1
        return super().__getitem__(name)


def test_a_decision_looks_at_as_few_of_a_hundred_thousand_that_wait_as_of_ten() -> None:
    looked = []
    for waiting in (10, 100_000):
        pool = KeepAlivePool(budget_mib=4, memory_mib={"a": 1, "b": 2})
        pool._memory = CountedMemory(pool._memory)
        for arrival in range(4 + waiting):
            pool.arrive(arrival, "a" if arrival % 2 == 0 else "b")
        CountedMemory.asked = 0
        for container in range(4):
            if container in pool._places:
                pool.release(container)
        looked.append(CountedMemory.asked)
        assert waiting - 4 < pool.occupancy.waiting <= waiting
    assert looked[0] == looked[1]
