"""Runs by what people call them: one name, one run, or a line that says why not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from iluvatar_bench.errors import UsageError
from iluvatar_bench.runs import find_run, run_rows
from iluvatar_bench.runs.recorded import RECORDED_HOME
from tests.support.run_folders import make_run

NAMES = {
    "guarded-20261128T090000000": "2026-11-28T09:00:00+00:00",
    "demo-20261128T070000000/guarded-20261128T070100000": "2026-11-28T07:01:00+00:00",
    "cold_start-20261128T060000000/point-1/mine-20261128T060100000": "2026-11-28T06:01:00+00:00",
}


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    # Made in another order than they were begun in, and touched in yet another one.
    for name, began in sorted(NAMES.items()):
        make_run(tmp_path / "results" / name, {"started_at": began}, ok=2, process_died=1)
    os.utime(tmp_path / "results" / "guarded-20261128T090000000", (1, 1))
    return tmp_path / "results"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("@latest", 0),
        ("@1", 0),
        ("@2", 1),
        ("@3", 2),
        ("results/@2", 1),
        ("./results/demo-20261128T070000000/@latest", 1),
        ("20261128T0701", 1),
        ("mine", 2),
        ("results/mine-", 2),
        ("guarded-20261128T090000000", 0),
    ],
)
def test_a_name_is_one_run(results: Path, name: str, found: int) -> None:
    assert find_run(name).resolve() == (results / list(NAMES)[found]).resolve()


def test_a_recorded_run_by_its_name_and_by_a_part_that_no_run_of_ones_own_has(
    results: Path,
) -> None:
    assert find_run("guarded") == RECORDED_HOME / "guarded"
    assert find_run("monit") == RECORDED_HOME / "monitored"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("guarded-", "'guarded-' fits 2 runs: guarded-20261128T090000000, demo-20261128T07"),
        ("@4", "no run @4: 3 run folders are in /.*/results; one that is elsewhere .* FOLDER/@4,"),
        ("@0", "it is @latest, or @2 for the one before it"),
        ("@last", "it is @latest, or @2 for the one before it"),
        ("nowhere/@latest", "no run @latest: 0 run folders are in /.*/nowhere; "),
        ("gaurded", r"no run 'gaurded' \(did you mean guarded\?\): there is no such folder"),
        ("iluvatar-2022", "fits 2 runs: iluvatar-2022-07, churn-|fits 2 runs: churn-iluvatar"),
        ("results/nope", "no run 'results/nope': there is no such folder"),
    ],
)
def test_what_is_no_run_or_several_is_said(results: Path, name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as raised:
        find_run(name)
    assert "\n" not in str(raised.value)


def test_the_list_has_own_runs_first_and_counts_without_tables(results: Path) -> None:
    latest = results / "guarded-20261128T090000000"
    (latest / "failure_rates.csv").write_text(
        "kind,bug_class,count\nbug_class,process_died,3\noutcome,ok,6\noutcome,failed,3\n"
        "outcome,unknown,1\n"
    )
    cut = results / "demo-20261128T070000000" / "guarded-20261128T070100000"
    (cut / "trials.parquet").unlink()
    (cut / "journal.jsonl").write_text('{"outcome": "failed"}\n{"outcome": "ok"}\n{"outc')
    broken = results / list(NAMES)[2]
    (broken / "trials.parquet").write_text("no table")
    rows = run_rows(results)
    own = [row for row in rows if not row.recorded]
    assert [(row.call, row.run_id) for row in own] == [
        (f"@{number}", Path(name).name) for number, name in enumerate(NAMES, start=1)
    ]
    assert [(row.trials, row.failed) for row in own] == [(10, 3), (2, 1), (None, None)]
    recorded = {row.call: row for row in rows if row.recorded}
    assert (recorded["guarded"].trials, recorded["guarded"].failed) == (40, 0)
    assert recorded["root-cause"].workload == "root-cause"
    assert recorded["guarded"].workload == "cold-start"
    assert recorded["churn-guarded"].workload == "churn"


def test_what_is_no_run_is_not_listed(results: Path) -> None:
    for name, text in (("other", "{}"), ("list", "[1]"), ("torn", '{"run_id": ')):
        (results / name).mkdir()
        (results / name / "manifest.json").write_text(text)
    assert sum(not row.recorded for row in run_rows(results)) == len(NAMES)
