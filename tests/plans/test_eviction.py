"""Whom a pool evicts under each policy: against books of caching, without containers or a clock."""

from __future__ import annotations

import random
from collections import Counter
from typing import get_args

import pytest

from iluvatar_bench.plans import KeepAlivePool
from iluvatar_bench.plans.keep_alive import Evict, Eviction, Launch, PoolAction, Serve
from tests.support.cache_books import cached

MEMORY = {"small": 1, "middle": 2, "rare": 3, "large": 4}
BUDGET = 6


def one_by_one(policy: Eviction, wanted: list[str]) -> list[tuple[str, str]]:
    """What a pool does for one client who asks in turn: launch, serve or evict, and of what."""
    pool = KeepAlivePool(budget_mib=BUDGET, memory_mib=MEMORY, eviction=policy)
    functions: dict[int, str] = {}
    history: list[tuple[str, str]] = []

    def carry_out(decisions: list[PoolAction]) -> int | None:
        busy = None
        for decision in decisions:
            match decision:
                case Launch(container, function, _):
                    functions[container] = function
                    history.append(("launch", function))
                    busy = container
                case Serve(container, _):
                    history.append(("serve", functions[container]))
                    busy = container
                case Evict(container):
                    history.append(("evict", functions[container]))
                    gone = pool.gone(container)
                    busy = carry_out(gone) or busy
        return busy

    for number, function in enumerate(wanted):
        busy = carry_out(pool.arrive(number, function))
        assert busy is not None
        carry_out(pool.release(busy))
    return history


@pytest.mark.parametrize("policy", ["lru", "largest", "greedy_dual"])
def test_a_pool_with_one_client_is_a_cache(policy: Eviction) -> None:
    source = random.Random(7)
    wanted = source.choices(list(MEMORY), weights=(4, 2, 2, 3), k=300)
    history = one_by_one(policy, wanted)
    assert history == cached(policy, wanted, memory=MEMORY, budget=BUDGET)
    assert Counter(what for what, _ in history)["evict"] > 10


def test_the_policies_evict_differently() -> None:
    wanted = random.Random(7).choices(list(MEMORY), weights=(4, 2, 2, 3), k=300)
    histories = [one_by_one(policy, wanted) for policy in ("lru", "largest", "greedy_dual")]
    assert len({tuple(history) for history in histories}) == 3


def test_ttl_lets_arrivals_wait_and_evicts_nobody() -> None:
    pool = KeepAlivePool(budget_mib=4, memory_mib=MEMORY, eviction="ttl")
    assert pool.arrive(0, "large") == [Launch(0, "large", 0)]
    assert pool.release(0) == []
    assert pool.arrive(1, "small") == []
    pool.retire(0)
    assert pool.gone(0) == [Launch(1, "small", 1)]


def test_every_policy_is_a_level_of_the_factor() -> None:
    from iluvatar_bench.profiles import factor_levels

    assert factor_levels("eviction") == get_args(Eviction)


def test_containers_started_ahead_take_what_room_there_is_and_serve_warm() -> None:
    pool = KeepAlivePool(budget_mib=5, memory_mib=MEMORY)
    assert pool.prewarm("large") == [Launch(0, "large", None)]
    assert pool.prewarm("large") == []
    assert pool.prewarm("small") == [Launch(1, "small", None)]
    # It has not started yet, and there is no room for another one.
    assert pool.arrive(0, "large") == []
    assert pool.release(0) == [Serve(0, 0)]
    assert pool.release(1) == []
    assert pool.occupancy.idle == 1


def test_a_container_serves_as_many_at_a_time_as_it_may() -> None:
    pool = KeepAlivePool(budget_mib=1, memory_mib={"f": 1}, parallel=2)
    assert pool.arrive(0, "f") == [Launch(0, "f", 0)]
    # It starts yet: nobody is sent to it.
    assert pool.arrive(1, "f") == []
    assert pool.arrive(2, "f") == []
    assert pool.ready(0) == [Serve(0, 1)]
    assert pool.release(0) == [Serve(0, 2)]
    assert pool.release(0) == []
    assert (pool.occupancy.busy, pool.occupancy.idle) == (1, 0)
    assert pool.release(0) == []
    assert (pool.occupancy.busy, pool.occupancy.idle) == (0, 1)


def test_what_is_of_no_use_takes_no_more_and_is_never_idle() -> None:
    pool = KeepAlivePool(budget_mib=1, memory_mib={"f": 1}, parallel=3)
    pool.arrive(0, "f")
    pool.arrive(1, "f")
    pool.ready(0)
    pool.withdraw(0)
    assert pool.arrive(2, "f") == []
    assert pool.release(0) == []
    assert pool.idle == ()
    assert pool.gone(0) == [Launch(1, "f", 2)]


def test_who_comes_again_is_not_served_by_what_failed_it() -> None:
    pool = KeepAlivePool(budget_mib=2, memory_mib={"f": 1})
    pool.arrive(0, "f")
    assert pool.release(0) == []
    assert pool.arrive(1, "f", avoid=[0]) == [Launch(1, "f", 1)]
    # No room, and only the one that failed it is idle: that one makes room.
    assert pool.arrive(2, "f", avoid=[0]) == [Evict(0)]
    assert pool.gone(0) == [Launch(2, "f", 2)]
