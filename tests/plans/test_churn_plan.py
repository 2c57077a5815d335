"""Churn plans and arrival processes are data: seeded, sorted, of the rate they say."""

from __future__ import annotations

import json
import random
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from iluvatar_bench.errors import UsageError
from iluvatar_bench.plans import Arrival, ArrivalProcess, ChurnPlan, PooledFunction, churn

TWO = (PooledFunction("a", "hello", 100), PooledFunction("b", "hello", 200))

processes = st.builds(
    ArrivalProcess,
    pattern=st.sampled_from(["poisson", "constant", "bursts", "closed"]),
    rate=st.floats(0.01, 1000),
    on_ms=st.integers(1, 10_000),
    off_ms=st.integers(0, 10_000),
    clients=st.integers(1, 20),
)


@given(processes, st.integers(1, 200), st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_plan(process: ArrivalProcess, n: int, seed: int) -> None:
    made = [
        churn(arrivals=n, functions=TWO, budget_mib=400, seed=seed, process=process)
        for _ in range(2)
    ]
    assert made[0] == made[1]
    plan = made[0]
    assert [arrival.index for arrival in plan.arrivals] == list(range(n))
    times = [arrival.at_ms for arrival in plan.arrivals]
    if process.pattern == "closed":
        assert plan.clients == process.clients
        assert set(times) == {None}
    else:
        assert plan.clients is None
        assert all(0 <= earlier <= later for earlier, later in pairwise([0.0, *times]))
    document = json.loads(json.dumps(plan.as_json()))
    assert [tuple(pair) for pair in document["arrivals"]] == [
        (arrival.at_ms, arrival.function) for arrival in plan.arrivals
    ]


def test_another_seed_gives_another_plan() -> None:
    plans = {churn(arrivals=9, functions=TWO, budget_mib=400, seed=s).arrivals for s in range(5)}
    assert len(plans) == 5


def test_poisson_gaps_are_exponential_with_the_rate() -> None:
    process = ArrivalProcess(pattern="poisson", rate=25)
    times = list(islice(process.times_ms(random.Random(7)), 5000))
    gaps = [later - earlier for earlier, later in pairwise([0.0, *times])]
    # Kolmogorov-Smirnov against the law itself; the seed is fixed, so this cannot flicker.
    assert stats.kstest(gaps, stats.expon(scale=1000 / 25).cdf).pvalue > 0.01


def test_constant_arrivals_keep_their_distance() -> None:
    times = list(islice(ArrivalProcess(pattern="constant", rate=8).times_ms(random.Random(1)), 40))
    assert times == pytest.approx([125.0 * n for n in range(1, 41)])


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(0, 99))
def test_nothing_arrives_in_the_pause_after_a_burst(on_ms: int, off_ms: int, seed: int) -> None:
    process = ArrivalProcess(pattern="bursts", rate=50, on_ms=on_ms, off_ms=off_ms)
    for at_ms in islice(process.times_ms(random.Random(seed)), 200):
        assert at_ms % (on_ms + off_ms) <= on_ms + 1e-6


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"arrivals": 0}, "arrivals must be between 1 and"),
        ({"arrivals": 10**9}, "arrivals must be between 1 and"),
        ({"budget_mib": 0}, "the budget must be between 1"),
        ({"budget_mib": 150}, "function b counts for 200 MiB and never fits"),
        ({"functions": ()}, "at least one function"),
        ({"functions": (TWO[0], TWO[0])}, "names of their own"),
        ({"functions": (PooledFunction("a", "hello", 0),)}, "at least 1 MiB"),
        ({"keep_alive_ms": 0}, "keep_alive_ms must be between"),
    ],
)
def test_impossible_plans_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        churn(**{"arrivals": 3, "functions": TWO, "budget_mib": 400, "seed": 0, **wrong})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"pattern": "weibull"}, "no pattern of arrivals 'weibull'; there are: poisson"),
        ({"rate": 0}, "rate must be between"),
        ({"rate": -1}, "rate must be between"),
        ({"rate": float("nan")}, "rate must be between"),
        ({"on_ms": 0}, "a burst must last"),
        ({"off_ms": -1}, "a burst must last"),
        ({"clients": 0}, "clients must be between"),
    ],
)
def test_impossible_processes_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ArrivalProcess(**wrong)


@pytest.mark.parametrize(
    ("arrivals", "message"),
    [
        ((Arrival(0, "a", 5.0), Arrival(1, "a", 4.0)), "never go back"),
        ((Arrival(0, "a", -1.0),), "begin at 0 or later"),
        ((Arrival(0, "z", 0.0),), "unknown functions: z"),
    ],
)
def test_a_plan_checks_the_arrivals_it_is_given(
    arrivals: tuple[Arrival, ...], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        ChurnPlan(
            kind="trace",
            arrivals=arrivals,
            functions=TWO,
            budget_mib=400,
            keep_alive_ms=None,
            seed=0,
        )
