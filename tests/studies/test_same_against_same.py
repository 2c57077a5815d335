"""A profile compared with itself must raise no alarm beyond alpha (an A/A check)."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from iluvatar_bench.profiles import PRESETS
from iluvatar_bench.runs import find_run, open_run, run_cold_start
from iluvatar_bench.stats import Verdict, compare_profiles

RECORDED = find_run("iluvatar-2022-07")


def alarms_of_random_halves(trials: pd.DataFrame, *, comparisons: int, seed: int) -> int:
    """How many comparisons of random halves of one run show any difference at 5 %."""
    random = np.random.default_rng(seed)
    alarms = 0
    for _ in range(comparisons):
        order = random.permutation(len(trials))
        halves = (trials.iloc[order[::2]], trials.iloc[order[1::2]])
        table = compare_profiles(*halves, alpha=0.05)
        alarms += bool((table["verdict"] != Verdict.NO_DIFFERENCE_SHOWN).any())
    return alarms


def test_halves_of_a_run_full_of_failures_raise_few_alarms() -> None:
    """The profile of 2022, where there is something to be fooled by: 200 splits, at most 5 %.

    18 alarms of 200 have a probability below 1 % at a true 5 %.
    """
    trials = open_run(RECORDED).trials
    assert (trials["outcome"] == "failed").mean() > 0.5
    assert alarms_of_random_halves(trials, comparisons=200, seed=1) <= 17


@pytest.mark.daemon
@pytest.mark.slow
async def test_guarded_against_itself_raises_at_most_two_alarms_in_twenty(tmp_path: Path) -> None:
    """Twenty pairs of runs, one after the other, so that drift between runs is in it."""
    runs = [
        await run_cold_start(
            PRESETS["guarded"],
            trials=8,
            concurrency=4,
            seed=seed,
            results=tmp_path,
            hold_ms=(10, 100),
        )
        for seed in range(21)
    ]
    alarms = 0
    for one, other in itertools.pairwise(runs):
        table = compare_profiles(one.trials, other.trials, alpha=0.05)
        alarms += bool((table["verdict"] != Verdict.NO_DIFFERENCE_SHOWN).any())
    assert alarms <= 2
