"""What habits cost: the differences and their intervals, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from iluvatar_bench.errors import UsageError
from iluvatar_bench.studies import HABITS, habit_effects, habit_profiles, run_habits
from iluvatar_bench.studies.habits import AS_IT_IS, HABIT_COLUMNS


def runs(**changes: list[float]) -> pd.DataFrame:
    """Three rounds of two habits; each run has 40 arrivals, one of them not ok with a habit."""
    rows = [
        (habit, number, "r", 40, int(habit != AS_IT_IS), 10, 5.0, 20.0 + number, 90.0, 50.0)
        for number in range(3)
        for habit in (AS_IT_IS, "transport=unix")
    ]
    frame = pd.DataFrame(rows, columns=list(HABIT_COLUMNS))
    for column, values in changes.items():
        frame.loc[frame["habit"] != AS_IT_IS, column] = values
    return frame


def test_a_difference_is_of_the_same_round_and_has_a_t_interval() -> None:
    plain, unix = habit_effects(runs(latency_ms=[18.0, 20.0, 19.0])).to_dict("records")
    assert (plain["habit"], plain["latency_ms"], plain["not_ok"]) == (AS_IT_IS, 21.0, 0.0)
    assert np.isnan(plain["latency_low"])
    # 18 - 20, 20 - 21, 19 - 22.
    expected = stats.ttest_1samp([-2.0, -1.0, -3.0], 0.0).confidence_interval(0.95)
    assert unix["latency_ms"] == pytest.approx(-2.0)
    assert (unix["latency_low"], unix["latency_high"]) == pytest.approx(tuple(expected))
    assert (unix["memory_mib"], unix["memory_low"], unix["memory_high"]) == (0.0, 0.0, 0.0)
    assert (unix["arrivals"], unix["not_ok"]) == (120, 3 / 120)
    assert unix["not_ok_low"] < 3 / 120 < unix["not_ok_high"]


def test_a_round_without_the_profile_as_it_is_is_refused() -> None:
    frame = runs()
    for part in (frame[frame["round"] == 0], frame[frame["habit"] != AS_IT_IS], frame.iloc[1:]):
        with pytest.raises(ValueError, match="two rounds or more are needed"):
            habit_effects(part)


async def test_wrong_requests_start_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="given twice"):
        habit_profiles(["retry=1", "retry=1"], "guarded")
    with pytest.raises(UsageError, match="retry=0 is what the profile guarded does already"):
        habit_profiles(["retry=0"], "guarded")
    with pytest.raises(UsageError, match="rounds must be 2 or more"):
        await run_habits(rounds=1, results=tmp_path)
    assert len(habit_profiles(HABITS, "guarded")) == len(HABITS) + 1
    assert list(tmp_path.iterdir()) == []
