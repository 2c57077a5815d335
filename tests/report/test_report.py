"""What people look at: numbers that are right, and text that stays text."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from iluvatar_bench.report import (
    comparison_table,
    dose_table,
    failure_examples,
    plot_rates,
    plot_steps,
    save_figure,
)
from iluvatar_bench.stats import failure_rates


@pytest.fixture
def trials() -> pd.DataFrame:
    """Forty trials each: nine mount errors under one profile, none under the other."""
    rows = []
    for profile, failed in (("wrong", 9), ("right", 0)):
        for number in range(40):
            bad = number < failed
            rows.append(
                {
                    "profile": profile,
                    "trial": number,
                    "outcome": "failed" if bad else "ok",
                    "bug_class": "snapshot_overlay" if bad else None,
                    "mechanism": "snapshot_collected" if bad else None,
                    "error": "mount failed" if bad else None,
                    "evidence": '{"facts": ["gone", "never removed"]}' if bad else "{}",
                    "start_ms": 10.0 + number,
                    "ready_ms": float("nan") if bad else 500.0,
                }
            )
    return pd.DataFrame(rows)


def test_the_table_has_the_four_classes_and_what_else_occurred(trials: pd.DataFrame) -> None:
    table = comparison_table(failure_rates(trials))
    assert list(table.index) == [
        "snapshot_overlay",
        "missing_packages",
        "process_died",
        "silent_startup",
        "failed",
        "unknown",
        "ok",
    ]
    assert list(table.columns) == ["wrong", "right", "mechanism"]
    # Wilson for 9/40 and the one-sided bound 1 - 0.05^(1/40) for 0/40.
    assert table.loc["snapshot_overlay", "wrong"] == "9/40  22.5 % [12–38]"
    assert table.loc["snapshot_overlay", "right"] == "0/40  (< 7.2 %)"
    assert table.loc["snapshot_overlay", "mechanism"] == "snapshot_collected 9/9"
    trials.loc[0, ["bug_class", "mechanism"]] = ["network", "ipam_exhausted"]
    trials.loc[79, "outcome"] = "unknown"
    assert list(comparison_table(failure_rates(trials)).index)[4:5] == ["network"]
    assert comparison_table(failure_rates(trials)).loc["unknown", "right"].startswith("1/40")


def test_examples_show_one_failure_of_each_class_with_its_facts(trials: pd.DataFrame) -> None:
    examples = failure_examples(trials)
    assert list(examples["bug_class"]) == ["snapshot_overlay"]
    assert examples.loc[0, "facts"] == "gone; never removed"
    assert failure_examples(trials[trials["outcome"] == "ok"]).empty


def test_figures_have_a_bar_per_profile_and_class(trials: pd.DataFrame, tmp_path: Path) -> None:
    axes = plot_rates(failure_rates(trials))
    assert len(axes.patches) == 2 * 4
    assert [round(bar.get_height(), 1) for bar in axes.patches][:4] == [22.5, 0, 0, 0]
    for path in save_figure(axes, tmp_path / "rates"):
        assert path.stat().st_size > 5000
    labels = [label.get_text() for label in plot_steps(trials).get_yticklabels()]
    assert labels == ["start (n = 40, 40)", "ready (n = 31, 40)"]


def test_a_dose_is_told_in_full_and_never_collected_is_no_interval() -> None:
    doses = pd.DataFrame(
        {
            "dose": [1e-7, 0.02],
            "trials": 40,
            "collected": [0, 30],
            "failed": [0, 21],
            "import_errors": [0, 20],
            "other_failures": [0, 1],
            "collections": [0, 12],
            "interval_ms": [float("inf"), 251.4],
            "pause_ms": [float("nan"), 1.26],
            "first_ms": [float("nan"), 74.4],
        }
    )
    table = dose_table(doses)
    assert list(table.index) == ["1e-07", "0.02"]
    assert list(table.loc["1e-07"]) == ["0/40  (< 7.2 %)"] * 3 + ["0", "0", "–", "–", "–"]
    assert table.loc["0.02", "snapshot collected"].startswith("30/40  75.0 % [")
    assert list(table.loc["0.02"])[3:] == ["1", "12", "251", "74", "1.3"]
