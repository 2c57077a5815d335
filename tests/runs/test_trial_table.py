"""Of a large run no more is read than is shown: what else there is may as well be destroyed."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from iluvatar_bench.benchmarks.made_trials import keep_trial, trials_like_recorded
from iluvatar_bench.errors import UsageError
from iluvatar_bench.explain import explain_trial, failed_groups, failed_trials
from iluvatar_bench.records import STEP_COLUMNS
from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.records.trial_table import TrialTable
from iluvatar_bench.report import report_page
from iluvatar_bench.report.figure_data import SAMPLE_COLUMNS, trials_of
from iluvatar_bench.runs import (
    find_run,
    load_trials,
    open_run,
    parquet_trials,
    recorded_names,
    table_parts,
)
from iluvatar_bench.runs.parquet_trials import ParquetTrials
from iluvatar_bench.runs.run_tables import write_tables
from iluvatar_bench.runs.store import RunFolder
from iluvatar_bench.stats import compare_runs
from iluvatar_bench.stats.accounting import COUNTED
from iluvatar_bench.stats.comparison import COMPARED
from tests.support.parquet_damage import destroy

TRIALS, GROUP = 160, 8


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in row groups of a few trials."""
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "run")
    folder.path.mkdir()
    manifest = {"plan": {"trials": [{}] * TRIALS}, "profile": {"name": "p"}}
    for trial in trials_like_recorded(TRIALS):
        keep_trial(folder, trial)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_parts, "ROWS_AT_A_TIME", GROUP)
        write_tables(folder)
    folder.write_manifest({"status": "finished", **manifest})
    folder.close()
    for journal in folder.path.glob("*.jsonl"):
        journal.unlink()
    return folder.path


@pytest.fixture
def damaged(whole: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged; its name is the same."""
    return Path(shutil.copytree(whole, tmp_path / whole.name))


def the_same(one: RunResult, other: RunResult) -> None:
    assert str(one).partition(";")[0] == str(other).partition(";")[0]
    pd.testing.assert_frame_equal(one.rates, other.rates)
    pd.testing.assert_frame_equal(failed_groups(one), failed_groups(other))


def test_to_open_a_run_its_outcomes_are_read(whole: Path, damaged: Path) -> None:
    assert destroy(damaged / "trials.parquet", but={*COUNTED, "trial"}) == TRIALS / GROUP
    run = open_run(damaged)
    the_same(run, open_run(whole))
    with pytest.raises(UsageError, match="the trials in"):
        _ = run.trials
    with pytest.raises(UsageError, match="the trials in"):
        explain_trial(run, 0)


def test_to_compare_runs_no_durations_are_read(whole: Path, damaged: Path) -> None:
    destroy(damaged / "trials.parquet", but={*COUNTED, *COMPARED})
    runs = open_run(damaged), open_run(whole)
    compared, expected = (compare_runs(run, runs[1], force=True) for run in runs)
    pd.testing.assert_frame_equal(compared.table, expected.table)
    with pytest.raises(UsageError, match="cannot be read"):
        trials_of(runs, *STEP_COLUMNS)


def test_to_explain_a_trial_its_row_group_is_read(whole: Path, damaged: Path) -> None:
    (chosen, *_) = failed_trials(open_run(whole), "collateral_kill")["trial"]
    others = set(range(TRIALS // GROUP)) - {chosen // GROUP}
    destroy(damaged / "trials.parquet", but={*COUNTED, "trial"}, groups=others)
    run = open_run(damaged)
    assert str(explain_trial(run, chosen)) == str(explain_trial(open_run(whole), chosen))
    with pytest.raises(UsageError, match="cannot be read"):
        explain_trial(run, 0 if chosen >= GROUP else GROUP)


def test_to_report_a_run_evidence_is_read_where_something_is_shown_of_it(
    whole: Path, damaged: Path
) -> None:
    run = open_run(whole)
    firsts = run.trials[run.trials["outcome"] == "failed"].drop_duplicates("bug_class")
    # Of the containers that were there beside them the Kills are shown.
    moments = run.trials["submitted_at"]
    last = moments <= firsts["submitted_at"].max() + pd.Timedelta(seconds=6)
    shown = -(-int(last.sum()) // GROUP)
    groups = TRIALS // GROUP
    assert shown < groups - 3
    drawn = {*COUNTED, *STEP_COLUMNS, "trial", "container_id", "submitted_at", "total_ms"}
    destroy(damaged / "trials.parquet", but=drawn, groups=range(shown, groups))
    destroy(damaged / "samples.parquet", but=SAMPLE_COLUMNS, groups=range(shown, groups))
    found, expected = (report_page([open_run(folder)]) for folder in (damaged, whole))
    assert found == expected


@pytest.mark.parametrize("name", recorded_names())
def test_columns_rows_and_parts_are_those_of_the_whole(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_trials, "MOST_ROWS", 7)
    path = find_run(name) / "trials.parquet"
    expected = TrialTable.of(pd.read_parquet(path))
    names = ("outcome", "of no run", "unknown_class", "alive_ms")
    table = TrialTable(ParquetTrials(path))
    parts = list(table.parts(*names))
    assert max(map(len, parts)) == 7
    places = np.array([len(table) - 1, 0, 3])
    pairs = [
        (pd.concat(parts), expected.columns(*names)),
        (table.columns(*names), expected.columns(*names)),
        (table.called("x").columns("profile"), expected.called("x").columns("profile")),
        (table.rows(places), expected.rows(places)),
        (table.rows(places[:0], *names), expected.rows(places[:0], *names)),
        (table.of_trial(3, "trial"), expected.of_trial(3, "trial")),
        (table.whole(), expected.whole()),
    ]
    for found, wanted in pairs:
        # Of rows in which nothing is missing whole numbers stay whole.
        pd.testing.assert_frame_equal(found, wanted, check_dtype=False)
    assert table.names == tuple(expected.whole().columns)
    assert table.whole() is table.whole()


@pytest.mark.parametrize("held", [0, 2**30])
def test_what_is_read_late_is_of_the_file_that_was_opened(
    damaged: Path, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_trials, "HELD_BYTES", held)
    run, before = open_run(damaged), open_run(damaged).trials
    before.head(1).to_parquet(damaged / "new.parquet", index=False)
    (damaged / "new.parquet").replace(damaged / "trials.parquet")
    pd.testing.assert_frame_equal(run.trials, before)
    assert len(open_run(damaged).trials) == 1


def test_a_large_journal_is_not_read_into_memory_and_gives_the_same_trials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    folder.write_manifest({"status": "running", "plan": {}, "profile": {"name": "p"}})
    for trial in trials_like_recorded(TRIALS):
        folder.append(trial)
    folder.close()
    small = open_run(folder.path)
    monkeypatch.setattr(load_trials, "LARGE_JOURNAL_BYTES", 0)
    large = open_run(folder.path)
    the_same(small, large)
    assert set(small.trials.columns) == set(large.trials.columns)
    # A column without any value is one of None or of NaN.
    filled = [run.trials.dropna(axis="columns", how="all") for run in (small, large)]
    pd.testing.assert_frame_equal(*filled, check_dtype=False)
    assert sorted(path.name for path in folder.path.iterdir()) == ["journal.jsonl", "manifest.json"]
