"""The table of doses and the model beside it."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from iluvatar_bench.errors import UsageError
from iluvatar_bench.experiments.dose import (
    collection_rate,
    dose_table,
    run_doses,
    scheduled_interval_ms,
    with_model,
)
from iluvatar_bench.lifecycle import PRESETS, resolve_profile


def test_the_model_by_hand() -> None:
    assert collection_rate(0, 10) == 0
    assert collection_rate(10, 10) == pytest.approx(1 - 1 / math.e)
    # A window much shorter than the interval: window / interval.
    assert collection_rate(1, 1000) == pytest.approx(0.001, rel=1e-3)
    assert scheduled_interval_ms(0.02, pause_ms=1) == pytest.approx(49)
    assert scheduled_interval_ms(0.5, pause_ms=3) == pytest.approx(3)
    with pytest.raises(ValueError, match="no such threshold"):
        scheduled_interval_ms(1.0, pause_ms=1)
    with pytest.raises(ValueError, match="no such window"):
        collection_rate(1, 0)


def test_only_proven_collections_count_and_windows_include_the_delay() -> None:
    nan = math.nan
    frame = pd.DataFrame(
        {
            "mechanism": ["snapshot_collected", "collateral_kill", None, None],
            "task_create_ms": [nan, 40.0, 30.0, 50.0],
            "start_ms": [nan, 10.0, 10.0, 10.0],
            "ready_ms": [nan, nan, 200.0, 300.0],
            "start_delay_ms": [100, 100, 100, 100],
        }
    )
    (row,) = dose_table({100.0: frame}).to_dict(orient="records")
    assert (row["dose"], row["failures"], row["trials"]) == (100.0, 1, 4)
    assert row["low"] < 0.25 < row["high"]
    assert row["window_ms"] == 400.0
    modelled = with_model(dose_table({100.0: frame}), lambda dose: 4 * dose)
    assert modelled["model"].tolist() == pytest.approx([1 - math.exp(-1)])


async def test_wrong_doses_start_nothing(tmp_path: Path) -> None:
    for quantity, doses in (
        ("weight", [1.0]),
        ("concurrency", []),
        ("concurrency", [0.0]),
        ("start_delay_ms", [1.5]),
        ("start_delay_ms", [-1.0]),
        ("pause_threshold", [0.0]),
    ):
        with pytest.raises(UsageError):
            await run_doses(
                PRESETS["guarded"],
                quantity=quantity,
                doses=doses,
                trials=1,
                seed=1,
                results=tmp_path,
            )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.daemon
async def test_a_quiet_collector_takes_nothing_and_each_dose_is_a_run(tmp_path: Path) -> None:
    found = await run_doses(
        resolve_profile("guarded", ["snapshot_reference=none", "collection=quiet"]),
        quantity="concurrency",
        doses=[1, 2],
        trials=3,
        seed=1,
        results=tmp_path,
    )
    assert found.table["dose"].tolist() == [1, 2]
    assert found.table["failures"].tolist() == [0, 0]
    assert [run.manifest["plan"]["concurrency"] for run in found.runs] == [1, 2]
    assert {run.manifest["pause_threshold"] for run in found.runs} == {1e-7}
