"""Recorded runs: found by path or by name, kept with their tables and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from iluvatar_bench.errors import UsageError
from iluvatar_bench.records.frames import ARRIVAL_COLUMNS, NOT_OF_OLD
from iluvatar_bench.records.run_status import OBSERVED
from iluvatar_bench.runs import find_run, open_run, record_run, recorded_names
from iluvatar_bench.runs.collections import load_collections
from iluvatar_bench.runs.recorded import RECORDED_HOME
from tests.support.run_folders import make_run


def test_runs_are_found_by_name_and_a_folder_of_that_name_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_run("guarded") == RECORDED_HOME / "guarded"
    make_run(tmp_path / "guarded", ok=1)
    assert find_run("guarded") == Path("guarded")
    assert {"guarded", "iluvatar-2022-07"} <= set(recorded_names())


def test_arrivals_of_before_have_todays_columns_and_nothing_in_them() -> None:
    arrivals = open_run(find_run("churn-guarded")).arrivals
    assert arrivals is not None
    assert list(arrivals.columns) == list(ARRIVAL_COLUMNS)
    later = arrivals[list(NOT_OF_OLD)]
    assert later.isna().all(axis=None)
    assert later.dtypes.astype(str).to_dict() == {n: ARRIVAL_COLUMNS[n] for n in NOT_OF_OLD}


def test_every_recorded_run_opens_and_was_finished() -> None:
    for name in recorded_names():
        run = open_run(find_run(name))
        assert run.caveat == ""
        # What the plan counts: arrivals where it has any, else trials.
        lived = len(run.trials if run.arrivals is None else run.arrivals)
        if run.workload == OBSERVED:
            # Nobody planned what a node's clients did.
            assert lived > 100
            continue
        # A root-cause experiment plans the most that a cell may need, and stops when it is sure.
        assert lived < run.planned if "design" in run.manifest else lived == run.planned


def test_a_run_is_kept_with_its_tables_only(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ok=2, process_died=1)
    for clutter in ("journal.jsonl", "containerd.log", "steps.png", "cold_start.ipynb"):
        (run.folder / clutter).touch()
    kept = record_run(run.folder, "mine", home=tmp_path / "home")
    assert sorted(path.name for path in kept.iterdir()) == ["manifest.json", "trials.parquet"]
    assert open_run(kept).trials.equals(run.trials)
    with pytest.raises(UsageError, match="already: --replace"):
        record_run(run.folder, "mine", home=tmp_path / "home")
    other = make_run(tmp_path / "other", ok=5)
    record_run(other.folder, "mine", replace=True, home=tmp_path / "home")
    assert len(open_run(kept).trials) == 5
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["mine"]


def test_the_collections_that_a_run_logged_are_kept_as_a_table(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"request": {"log_collections": True}}, ok=2)
    assert load_collections(run.folder) is None  # there is no log
    (run.folder / "containerd.log").write_text(
        'time="2026-01-01T00:00:02.5Z" level=debug msg="garbage collected" d=2ms\n'
        'time="2026-01-01T00:00:03Z" level=debug msg="another line"\n'
    )
    kept = record_run(run.folder, "mine", home=tmp_path / "home")
    assert not (kept / "containerd.log").exists()
    for folder in (run.folder, kept):
        table = load_collections(folder)
        assert table is not None
        (row,) = table.to_dict(orient="records")
        assert (row["ended_at"].timestamp() % 60, row["pause_ms"]) == (2.5, 2.0)
    # A log of another level tells of none, and that is not the same as that there was none.
    silent = make_run(tmp_path / "silent", {"request": {"log_collections": False}}, ok=2)
    (silent.folder / "containerd.log").touch()
    assert load_collections(silent.folder) is None


def test_what_cannot_be_a_recorded_run_is_refused(tmp_path: Path) -> None:
    cut = make_run(tmp_path / "cut", {"status": "interrupted"}, ok=2)
    with pytest.raises(UsageError, match="cut off"):
        record_run(cut.folder, "mine", home=tmp_path / "home")
    run = make_run(tmp_path / "run", ok=2)
    for name in ("", "a/b", "..", ".hidden", "a b"):
        with pytest.raises(UsageError, match="cannot be a recorded run's name"):
            record_run(run.folder, name, home=tmp_path / "home")
    assert not (tmp_path / "home").exists()
