"""The cold-start plan is data: seeded, bounded, the same every time."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iluvatar_bench.errors import UsageError
from iluvatar_bench.plans import cold_start


@given(st.integers(1, 200), st.integers(1, 64), st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_plan(trials: int, concurrency: int, seed: int) -> None:
    plan = cold_start(trials=trials, concurrency=concurrency, seed=seed, hold_ms=(5, 9))
    assert plan == cold_start(trials=trials, concurrency=concurrency, seed=seed, hold_ms=(5, 9))
    assert [trial.index for trial in plan.trials] == list(range(trials))
    assert all(5 <= trial.hold_ms <= 9 for trial in plan.trials)
    assert json.loads(json.dumps(plan.as_json()))["seed"] == seed


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
