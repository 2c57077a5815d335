"""The table of doses and the model beside it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pandas as pd
import pytest

from iluvatar_bench.errors import UsageError
from iluvatar_bench.profiles import PRESETS
from iluvatar_bench.records.trial_table import TrialTable
from iluvatar_bench.runs import RunResult
from iluvatar_bench.studies.dose import (
    DOSE_COLUMNS,
    dose_row,
    first_collections_ms,
    hit_rate,
    run_doses,
    scheduled_interval_ms,
    with_model,
)
from tests.support.quick_profiles import quick


def test_the_model_by_hand() -> None:
    assert hit_rate(0, 10) == 0
    assert hit_rate(10, 10) == pytest.approx(1 - 1 / math.e)
    assert hit_rate(10, math.inf) == 0
    # A window much shorter than the interval: window / interval.
    assert hit_rate(1, 1000) == pytest.approx(0.001, rel=1e-3)
    with pytest.raises(ValueError, match="no such window"):
        hit_rate(1, 0)
    assert scheduled_interval_ms(0.02, pause_ms=1) == pytest.approx(49)
    assert scheduled_interval_ms(0.5, pause_ms=3) == pytest.approx(3)
    with pytest.raises(ValueError, match="no such threshold"):
        scheduled_interval_ms(1.0, pause_ms=1)


def a_run(folder: Path) -> RunResult:
    nan, lost = math.nan, json.dumps({"latent": "snapshot_collected"})
    trials = pd.DataFrame(
        {
            "mechanism": [
                "snapshot_collected",
                "snapshot_collected",
                "collateral_kill",
                None,
                None,
            ],
            "bug_class": ["snapshot_overlay", "missing_packages", "process_died", None, None],
            "outcome": ["failed", "failed", "failed", "ok", "ok"],
            "evidence": ["{}", "{}", "{}", lost, "{}"],
            "task_create_ms": [nan, 40.0, 40.0, 30.0, 50.0],
            "start_ms": [nan, 10.0, 10.0, 10.0, 10.0],
            "ready_ms": [nan, nan, 300.0, 200.0, 300.0],
            "start_delay_ms": [100] * 5,
            "submitted_at": "2026-01-01T00:00:02.100+00:00",
            "spans": [
                json.dumps([{"name": "prepare", "started_ms": 0.0, "ended_ms": ended}])
                for ended in (200.0, 300.0, 400.0, 500.0)
            ]
            + ["[]"],
        }
    )
    (folder / "containerd.log").write_text(
        "\n".join(
            f'time="2026-01-01T00:00:{second}Z" level=debug msg="garbage collected" d={pause}'
            for second, pause in (("01.5", "9ms"), ("02.5", "2ms"), ("03.5", "4ms"), ("05", "9ms"))
        )
    )
    manifest = {"started_at": "2026-01-01T00:00:02+00:00", "ended_at": "2026-01-01T00:00:04+00:00"}
    return RunResult(folder, manifest, TrialTable.of(trials), pd.DataFrame())


def test_a_row_counts_what_was_collected_failed_and_missed_a_module(tmp_path: Path) -> None:
    row = dose_row("start_delay_ms", 100.0, a_run(tmp_path))
    assert tuple(row) == DOSE_COLUMNS
    assert (row["trials"], row["collected"], row["failed"], row["import_errors"]) == (5, 3, 2, 1)
    assert row["other_failures"] == 1
    assert (row["create_ms"], row["delay_ms"], row["startup_ms"]) == (40.0, 100.0, 310.0)
    # Those during the run only: two in two seconds.
    assert (row["collections"], row["interval_ms"], row["pause_ms"]) == (2, 1000.0, 3.0)
    # Prepared 2.3, 2.4, 2.5 and 2.6 s after; the collections were over after 2.5 and 3.5 s.
    assert first_collections_ms(a_run(tmp_path).trials, []).isna().all()
    assert row["first_ms"] == pytest.approx((200 + 900) / 2)


def test_the_model_takes_the_measured_interval(tmp_path: Path) -> None:
    row = dose_row("start_delay_ms", 100.0, a_run(tmp_path))
    other = {**row, "dose": 200.0, "create_ms": math.nan, "delay_ms": 200.0, "startup_ms": math.nan}
    table = pd.DataFrame([row, other])
    modelled = with_model(table)
    assert modelled["model_collected"].tolist() == pytest.approx(
        [hit_rate(450, 1000), hit_rate(550, 1000)]
    )
    # Of failures there is no model: none that was tried predicts them.
    assert "model_failed" not in modelled
    told = with_model(table.assign(interval_ms=[10.0, math.inf]))
    assert told["model_collected"].tolist() == pytest.approx([1.0, 0.0])
    assert list(with_model(table.iloc[:0])["model_collected"]) == []


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
        quick("guarded", ["snapshot_reference=none", "collection=quiet"]),
        quantity="concurrency",
        doses=[1, 2],
        trials=3,
        seed=1,
        results=tmp_path,
    )
    assert found.table["dose"].tolist() == [1, 2]
    assert tuple(found.table) == DOSE_COLUMNS
    assert found.table["collected"].tolist() == found.table["collections"].tolist() == [0, 0]
    assert with_model(found.table)["model_collected"].tolist() == [0.0, 0.0]
    assert [run.manifest["plan"]["concurrency"] for run in found.runs] == [1, 2]
    assert {run.manifest["pause_threshold"] for run in found.runs} == {1e-7}


@pytest.mark.daemon
async def test_the_log_tells_of_every_forced_collection(tmp_path: Path) -> None:
    found = await run_doses(
        quick("guarded", ["snapshot_reference=none", "collection=before_start"]),
        quantity="concurrency",
        doses=[1],
        trials=4,
        seed=1,
        results=tmp_path,
    )
    (row,) = found.table.to_dict(orient="records")
    assert row["collections"] == row["collected"] == 4
    assert row["failed"] == 0
    assert 0 < row["pause_ms"] < row["interval_ms"]
