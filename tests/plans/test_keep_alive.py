"""The keep-alive pool as a machine of decisions: driven by random histories, no containers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iluvatar_bench.plans import KeepAlivePool
from iluvatar_bench.plans.keep_alive import Evict, Launch, PoolAction, Serve

MEMORY = {"a": 1, "b": 2, "c": 5}
BUDGET = 6


class Host:
    """Carries decisions out on paper and checks each against its own, simpler books."""

    def __init__(self) -> None:
        self.pool = KeepAlivePool(budget_mib=BUDGET, memory_mib=MEMORY)
        self.function: dict[int, str] = {}
        self.busy: dict[int, int] = {}
        self.idle: list[int] = []
        """Least recently used first."""
        self.leaving: set[int] = set()
        self.wanted: dict[int, str] = {}
        self.begun: list[int] = []
        self.served: set[int] = set()

    def resident(self) -> int:
        return sum(MEMORY[f] for f in self.function.values())

    def arrive(self, function: str) -> None:
        number = len(self.wanted)
        self.wanted[number] = function
        self.carry_out(self.pool.arrive(number, function))

    def carry_out(self, decisions: list[PoolAction]) -> None:
        for decision in decisions:
            match decision:
                case Launch(container, function, arrival):
                    # A warm container of the function would have had to serve it.
                    assert function not in [self.function[c] for c in self.idle]
                    assert function == self.wanted[arrival]
                    self.function[container] = function
                    self.begin(container, arrival)
                case Serve(container, arrival):
                    same = [c for c in self.idle if self.function[c] == self.wanted[arrival]]
                    assert container == same[-1], "the most recently used of its function"
                    self.idle.remove(container)
                    self.begin(container, arrival)
                case Evict(container):
                    assert container == self.idle.pop(0), "the least recently used"
                    self.leaving.add(container)
            assert self.resident() <= BUDGET
        found = self.pool.occupancy
        assert (found.busy, found.idle, found.leaving) == (
            len(self.busy),
            len(self.idle),
            len(self.leaving),
        )
        assert found.resident_mib == self.resident()
        assert found.waiting == len(self.wanted) - len(self.begun)

    def begin(self, container: int, arrival: int) -> None:
        assert container not in self.busy
        assert arrival not in self.begun
        self.busy[container] = arrival
        self.begun.append(arrival)

    def finish(self, container: int) -> None:
        self.served.add(self.busy.pop(container))
        self.idle.append(container)
        self.carry_out(self.pool.release(container))

    def fail(self, container: int) -> None:
        self.served.add(self.busy.pop(container))
        self.leave(container)

    def leave(self, container: int) -> None:
        self.leaving.discard(container)
        del self.function[container]
        self.carry_out(self.pool.gone(container))

    def die_idle(self, container: int) -> None:
        self.idle.remove(container)
        self.leaving.add(container)
        self.pool.retire(container)
        self.carry_out([])


@settings(max_examples=150)
@given(st.data())
def test_any_history_keeps_the_budget_the_order_and_every_arrival(data: st.DataObject) -> None:
    host = Host()
    for _ in range(data.draw(st.integers(1, 60))):
        moves = ["arrive"]
        moves += ["finish", "fail"] if host.busy else []
        moves += ["die_idle"] if host.idle else []
        moves += ["leave"] if host.leaving else []
        match data.draw(st.sampled_from(moves)):
            case "arrive":
                host.arrive(data.draw(st.sampled_from("abc")))
            case "finish":
                host.finish(data.draw(st.sampled_from(sorted(host.busy))))
            case "fail":
                host.fail(data.draw(st.sampled_from(sorted(host.busy))))
            case "die_idle":
                host.die_idle(data.draw(st.sampled_from(sorted(host.idle))))
            case "leave":
                host.leave(data.draw(st.sampled_from(sorted(host.leaving))))
    # Whatever has happened: once what is busy ends and what leaves is gone, nobody waits.
    while host.busy or host.leaving:
        if host.leaving:
            host.leave(min(host.leaving))
        else:
            host.finish(min(host.busy))
    assert host.served == set(host.wanted)
    assert sorted(host.begun) == sorted(host.wanted)


def test_a_large_function_is_not_starved_by_small_ones() -> None:
    """``c`` needs nearly the whole budget, while ``a`` and ``b`` keep the pool full."""
    host = Host()
    for function in "bba":
        host.arrive(function)
    host.arrive("c")
    for _ in range(3):
        host.arrive("a")
        host.finish(min(host.busy))
        for container in sorted(host.leaving):
            host.leave(container)
    assert 3 in host.begun
    later = [arrival for arrival in host.begun if arrival > 3]
    assert all(host.begun.index(arrival) > host.begun.index(3) for arrival in later)


def test_an_idle_container_that_was_retired_serves_nobody() -> None:
    host = Host()
    host.arrive("a")
    host.finish(0)
    host.die_idle(0)
    host.arrive("a")
    assert host.busy == {1: 1}


def test_what_waits_can_be_dropped_and_what_is_idle_removed() -> None:
    host = Host()
    host.arrive("c")
    host.arrive("c")
    host.arrive("b")
    assert host.pool.drop_waiting() == (1, 2)
    assert host.pool.occupancy.waiting == 0
    assert host.pool.release(0) == []
    assert host.pool.empty() == [Evict(0)]
    assert host.pool.gone(0) == []
    assert host.pool.occupancy.resident_mib == 0


def test_misuse_is_an_error() -> None:
    with pytest.raises(ValueError, match="fit into the budget"):
        KeepAlivePool(budget_mib=1, memory_mib={"a": 2})
    pool = KeepAlivePool(budget_mib=4, memory_mib={"a": 2})
    with pytest.raises(KeyError):
        pool.arrive(0, "nobody")
    assert pool.arrive(0, "a") == [Launch(0, "a", 0)]
    pool.release(0)
    with pytest.raises(ValueError, match="is idle, it must be busy"):
        pool.release(0)
