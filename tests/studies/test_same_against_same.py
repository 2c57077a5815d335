"""A profile compared with itself must raise no alarm beyond alpha (an A/A check).

400 simulated comparisons with clusters and drift are in ``tests/stats/test_false_alarms.py``.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import scipy

from iluvatar_bench.profiles import resolve_profile
from iluvatar_bench.studies.false_alarms import FalseAlarms, measure_false_alarms

JULY = resolve_profile("iluvatar-2022-07", ["server=http_server"])
ALARMS = ("alarm_by_p", "alarm_at_any_look", "alarm_by_class")


def most_alarms(comparisons: int) -> int:
    """More than these have a chance of 0.1 % at a true 5 %."""
    return int(scipy.stats.binom.ppf(0.999, comparisons, 0.05))


def test_the_recorded_comparisons_raise_no_more_alarms_than_promised() -> None:
    table = pd.read_csv("data/false_alarms.csv")
    # There was something to be fooled by: failures on both sides, and differences between them.
    assert (table[["not_ok_a", "not_ok_b"]].sum(axis=1) > 0).all()
    assert (table["not_ok_a"] != table["not_ok_b"]).any()
    assert (table["p_value"] < 1).any()
    for column in ALARMS:
        assert table[column].sum() <= most_alarms(len(table)), column
    assert (table["alarm_by_p"] == (table["p_value"] <= 0.05)).all()
    assert (table["alarm_at_any_look"] == (table["evidence"] >= 40)).all()
    assert FalseAlarms(table, 0.05).by_p.total == len(table)


@pytest.mark.daemon
@pytest.mark.slow
async def test_five_comparisons_of_the_failing_profile_with_itself(tmp_path: Path) -> None:
    found = await measure_false_alarms(JULY, comparisons=5, seed=1, results=tmp_path)
    table = found.table
    assert (table["blocks"] == 6).all()
    assert (table["not_ok_a"] + table["not_ok_b"] > 0).all()
    for column in ALARMS:
        assert table[column].sum() <= most_alarms(5), column
