"""The cold-start plan is data: seeded, bounded, the same every time."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iluvatar_bench.errors import UsageError
from iluvatar_bench.plans import ColdStartPlan, cold_start
from iluvatar_bench.plans.cold_start import LISTED
from iluvatar_bench.records.planned import planned_trials


@given(st.integers(1, 200), st.integers(1, 64), st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_plan(trials: int, concurrency: int, seed: int) -> None:
    plan = cold_start(trials=trials, concurrency=concurrency, seed=seed, hold_ms=(5, 9))
    assert plan == cold_start(trials=trials, concurrency=concurrency, seed=seed, hold_ms=(5, 9))
    assert [trial.index for trial in plan.trials] == list(range(trials))
    assert all(5 <= trial.hold_ms <= 9 for trial in plan.trials)
    assert json.loads(json.dumps(plan.as_json()))["seed"] == seed


def test_a_plan_of_a_million_is_written_down_by_what_it_is_drawn_from() -> None:
    plan = cold_start(trials=1_000_000, concurrency=8, seed=3)
    written = json.dumps(plan.as_json())
    assert len(written) < 300
    assert ColdStartPlan.from_json(json.loads(written)) == plan
    assert planned_trials(plan.as_json()) == len(plan.trials) == 1_000_000
    listed = cold_start(trials=LISTED, concurrency=8, seed=3)
    assert ColdStartPlan.from_json(json.loads(json.dumps(listed.as_json()))) == listed
    assert planned_trials(listed.as_json()) == LISTED


DRAWN = replace(cold_start(trials=LISTED + 1, concurrency=1, seed=9).trials, number=20)
LISTED_ALIKE = cold_start(trials=20, concurrency=1, seed=9).trials


@given(st.integers(-30, 30), st.integers(-30, 30), st.integers(1, 3))
def test_drawn_trials_are_those_of_the_list(first: int, last: int, step: int) -> None:
    assert isinstance(LISTED_ALIKE, tuple)
    assert tuple(DRAWN) == LISTED_ALIKE
    assert DRAWN[first:last:step] == LISTED_ALIKE[first:last:step]
    if -20 <= first < 20:
        assert DRAWN[first] == LISTED_ALIKE[first]
    else:
        with pytest.raises(IndexError):
            DRAWN[first]


def test_another_seed_gives_another_plan() -> None:
    plans = {cold_start(trials=20, concurrency=1, seed=seed).trials for seed in range(5)}
    assert len(plans) == 5


@pytest.mark.parametrize(
    "wrong",
    [
        {"trials": 0},
        {"trials": -3},
        {"trials": 10**9},
        {"concurrency": 0},
        {"concurrency": 10**6},
        {"hold_ms": (5, 1)},
        {"hold_ms": (-1, 1)},
        {"hold_ms": (5,)},
    ],
)
def test_impossible_numbers_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="must be"):
        cold_start(**{"trials": 1, "concurrency": 1, "seed": 0, **wrong})
