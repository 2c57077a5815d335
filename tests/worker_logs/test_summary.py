"""Counts, rates and time lines of a scan."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from iluvatar_bench.errors import UsageError
from iluvatar_bench.stats import rate
from iluvatar_bench.worker_logs import failure_counts, scan, timeline
from iluvatar_bench.worker_logs.activity import DistinctIds
from iluvatar_bench.worker_logs.log_report import LogReport
from iluvatar_bench.worker_logs.summary import fitting_interval

GUID = "19293B05-F0B7-8235-B4FC-C24D533300"


@pytest.fixture
def report(tmp_path: Path) -> LogReport:
    """Ten containers of hello 1.0 in two hours of which two fail, one of other, six invocations."""
    lines = []
    for number in range(10):
        container, hour = f"hello-1.0-{GUID}{number:02}", 10 + number // 5
        head = f"[2022-07-08 {hour}:15:01.5 +00:00]"
        lines.append(f"{head} [INFO] [m] [t{number}] container '{container}' was launched")
        if number < 6:
            lines.append(f"{head} [INFO] [m] [t{number}] Handling invocation request hello 1.0")
        if number in (0, 7):
            lines.append(f"{head} [ERROR] [m] [t{number}] {container}: ttrpc: closed")
        lines.append(f"{head} [INFO] [m] [t{number}] Removing container {container}")
    lines.append(f"[2022-07-08 13:00:00.5 +00:00] [ERROR] [m] [t99] other-2.0-{GUID}99: OOMKilled")
    lines.append('{ "Error": "exchange full" }')
    path = tmp_path / "worker.log"
    path.write_text("\n".join(lines))
    return scan([path])


def test_rates_per_class_have_the_containers_of_the_log_below_them(report: LogReport) -> None:
    counts = failure_counts(report).set_index("bug_class")
    assert counts["failures"].to_dict() == {"shim_lost": 2, "network": 1, "oom_killed": 1}
    assert set(counts["containers"]) == {11} and set(counts["invocations"]) == {6}
    shim = counts.loc["shim_lost"]
    expected = rate(2, 11)
    assert (shim["per_container"], shim["low"], shim["high"]) == (
        expected.estimate,
        expected.low,
        expected.high,
    )
    assert shim["per_1000_invocations"] == pytest.approx(1000 * 2 / 6)
    assert shim["first_seen"] == pd.Timestamp("2022-07-08 10:15:01.5Z")
    assert shim["last_seen"] == pd.Timestamp("2022-07-08 11:15:01.5Z")


def test_functions_versions_and_hours_have_their_own_denominators(report: LogReport) -> None:
    functions = failure_counts(report, ["function", "version"])
    rows = functions[["function", "version", "failures", "containers", "invocations"]]
    assert rows.astype(object).where(rows.notna(), None).to_numpy().tolist() == [
        ["hello", "1.0", 2, 10, 6],
        ["other", "2.0", 1, 1, 0],
        [None, None, 1, 0, 0],
    ]
    assert math.isnan(functions["per_container"].iloc[2])
    hours = failure_counts(report, ["hour"]).dropna(subset=["hour"])
    assert hours["hour"].dt.hour.tolist() == [10, 11, 13]
    assert hours[["failures", "containers", "invocations"]].to_numpy().tolist() == [
        [1, 5, 5],
        [1, 5, 1],
        [1, 1, 0],
    ]


def test_a_time_line_has_its_empty_intervals(report: LogReport) -> None:
    table = timeline(report, every="1h")
    assert table["shim_lost"].tolist() == [1, 1, 0, 0]
    assert table["oom_killed"].tolist() == [0, 0, 0, 1]
    assert timeline(report, every="1D")["shim_lost"].tolist() == [2]


def test_a_time_line_of_years_has_an_interval_that_fits(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(
        "".join(
            f"[{day} 10:00:00.5 +00:00] [ERROR] [m] [t1] hello-1.0-{GUID}{n}: ttrpc: closed\n"
            for n, day in ((10, "2022-07-08"), (11, "2026-11-28"))
        )
    )
    report = scan([path])
    table = timeline(report)
    assert table["shim_lost"].sum() == 2
    assert len(table) <= 200
    assert fitting_interval(report) == "28D"
    with pytest.raises(UsageError, match="take 28D"):
        timeline(report, every="1h")


def test_without_a_population_there_is_no_rate(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(
        "".join(
            f"[2022-07-08 10:00:00.5 +00:00] [ERROR] [m] [t1] hello-1.0-{GUID}{n}: ttrpc: closed\n"
            for n in range(10, 15)
        )
    )
    counts = failure_counts(scan([path]))
    assert counts["failures"].tolist() == [5] and counts["of_containers"].tolist() == [5]
    assert counts["per_container"].isna().all()


def test_overflow_is_part_of_the_counts(report: LogReport) -> None:
    from dataclasses import replace

    more = pd.DataFrame(
        [("oom_killed", "hello", "1.0", "2022-07-08 10:00", 5), ("network", "", "", "", 1)],
        columns=list(report.overflow.columns),
    )
    counts = failure_counts(replace(report, overflow=more), ["bug_class"]).set_index("bug_class")
    assert counts["failures"].to_dict() == {"oom_killed": 6, "network": 2, "shim_lost": 2}


@pytest.mark.parametrize("by", [[], ["class"], ["hour", "hour"]])
def test_a_wrong_grouping_is_refused(report: LogReport, by: list[str]) -> None:
    with pytest.raises(UsageError, match="by:"):
        failure_counts(report, by)  # type: ignore[arg-type]


def test_nothing_found_gives_empty_tables(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("all is well\n")
    empty = scan([tmp_path])
    assert failure_counts(empty).empty
    assert timeline(empty).empty


def test_different_ids_are_counted_exactly_over_several_merges(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(DistinctIds, "_RECENT", 100)
    ids = DistinctIds()
    assert sum(ids.add(f"id{n % 777}") for n in range(3000)) == 777
    assert len(ids) == 777


@pytest.mark.parametrize("every", ["banana", "", "-1h", "0s"])
def test_an_impossible_interval_is_refused(report: LogReport, every: str) -> None:
    with pytest.raises(UsageError, match="every must be"):
        timeline(report, every=every)
