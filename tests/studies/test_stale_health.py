"""Requests that a dead container is given until a worker's rounds have found it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from iluvatar_bench.studies.stale_health import STALE_HEALTH_COLUMNS, stale_health

STORED = Path(__file__).parents[2] / "data" / "ground_truth_stale_health.csv"


def test_five_were_recorded_and_all_of_them_right() -> None:
    table = pd.read_csv(STORED)
    assert tuple(table.columns) == STALE_HEALTH_COLUMNS
    assert sorted(table["repeat"]) == list(range(5))
    assert set(table["attributed"]) == {"stale_health"}
    # Two rounds of a second at most, in which there is a request every 200 ms.
    assert table["arrivals"].between(1, 12).all()


@pytest.mark.daemon
@pytest.mark.slow
async def test_what_a_dead_container_is_given_is_told_from_its_own_death(tmp_path: Path) -> None:
    table = await stale_health(repeats=2, results=tmp_path)
    assert list(table["repeat"]) == [0, 1]
    assert (table["attributed"] == table["expected"]).all()
    assert (table["arrivals"] >= 1).all()
