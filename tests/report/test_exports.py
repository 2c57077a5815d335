"""CSV for other programs: of which run, of what, in which unit, with which interval."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from iluvatar_bench.report import (
    arrivals_export,
    churn_table,
    comparison_export,
    difference_table,
    dose_export,
    dose_table,
)
from iluvatar_bench.report.arrival_parts import pool_of
from iluvatar_bench.report.tables import step_latency_table
from iluvatar_bench.runs import find_run, find_tables, open_run
from iluvatar_bench.stats import compare_runs, step_latencies
from tests.support.run_folders import make_run

WRONG, RIGHT = (open_run(find_run(name)) for name in ("iluvatar-2022-07", "guarded"))
CHURN = open_run(find_run("churn-guarded"))


def test_doses_have_their_rates_and_intervals_behind_the_counts() -> None:
    recorded = pd.read_csv(find_tables("dose_response") / "dose-start_delay_ms.csv")
    table = dose_export(recorded)
    columns = list(table)
    at = columns.index("collected")
    assert columns[at + 1 : at + 4] == [
        "collected_rate",
        "collected_rate_low_95",
        "collected_rate_high_95",
    ]
    # 50 of 80, Wilson, from R: prop.test(50, 80, correct = FALSE).
    first = table.iloc[0]
    assert (first["failed"], first["trials"]) == (50, 80)
    assert first["failed_rate"] == 0.625
    assert first["failed_rate_low_95"] == pytest.approx(0.5155, abs=1e-3)
    assert first["failed_rate_high_95"] == pytest.approx(0.7230, abs=1e-3)
    named = table.assign(quantity="delay", unit="ms")
    assert dose_table(named).index.name == "delay, ms"
    assert dose_table(recorded).index.name == "dose"


def test_a_comparison_says_whose_interval_and_which_runs() -> None:
    compared = compare_runs(WRONG, RIGHT)
    table = comparison_export(compared, every=True)
    assert not {"low", "high", "baseline_low"} & set(table)
    assert {"difference_low", "difference_high", "baseline_rate_low"} <= set(table)
    first = table.iloc[0]
    assert first["baseline_run_ids"] == WRONG.manifest["run_id"]
    assert first["candidate_run_ids"] == RIGHT.manifest["run_id"]
    assert (first["unit"], first["interval"]) == ("share of 1", "95 %, two-sided")
    assert list(table["difference"]) == list(compared.table["difference"])


def test_arrivals_are_rows_of_quantity_unit_and_statistic() -> None:
    assert CHURN.arrivals is not None
    frames = {"guarded": CHURN.arrivals}, {"guarded": pool_of(CHURN)}
    table = arrivals_export({"guarded": CHURN}, *frames)
    assert set(table["run_id"]) == {CHURN.manifest["run_id"]}
    counts = table[table["statistic"] == "count"].set_index("quantity")["value"]
    outcomes = sum(counts[f"… {name}"] for name in ("ok", "failed", "unknown", "dropped"))
    assert counts["arrivals"] == outcomes == len(CHURN.arrivals)
    timed = table[table["unit"] == "ms"]
    assert set(timed["statistic"]) == {"p50", "p95"}
    known = timed.dropna(subset=["low_95"])
    assert (known["low_95"] <= known["value"]).all()
    few = arrivals_export({"guarded": CHURN}, {"guarded": CHURN.arrivals.head(19)}, frames[1])
    assert "p95" not in set(few["statistic"])
    assert "95 % below" not in str(
        churn_table({"x": CHURN.arrivals.head(19)}, {"x": pool_of(CHURN)})
    )


def test_a_quantile_needs_as_many_values_as_it_has_parts() -> None:
    trials = pd.concat([RIGHT.trials] * 3, ignore_index=True)
    for count, shown in ((99, False), (100, True)):
        quantiles = step_latencies(trials.head(count), steps=["create_ms"])
        cell = step_latency_table(quantiles).iloc[0]["p99, ms"]
        assert (cell != "–") is shown, cell


def test_tables_have_one_minus_and_one_range() -> None:
    compared = compare_runs(WRONG, RIGHT)
    text = difference_table(compared.table, names=compared.names).to_string()
    cells = difference_table(compared.table, names=compared.names).iloc[:, -1]
    assert "-" not in "".join(cells)
    assert cells["failed"].startswith("−90.0 [−")
    assert " – −" in cells["failed"]
    assert " to " not in text


def test_runs_of_one_profile_are_called_by_their_ids(tmp_path: Path) -> None:
    one, other = (make_run(tmp_path / name, ok=5) for name in ("first", "second"))
    assert compare_runs(one, other).names == ("first", "second")
    assert compare_runs(one, one).names == ("baseline guarded", "candidate guarded")
    several = compare_runs([one, replace(one)], [other])
    assert several.names == ("baseline guarded", "candidate guarded")
