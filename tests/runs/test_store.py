"""Run folders: the journal is the truth, the tables follow from it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from iluvatar_bench.errors import UnusablePath, UsageError
from iluvatar_bench.records import STEP_COLUMNS, Event, Outcome, Trial
from iluvatar_bench.records.frames import invocations_frame, trials_frame
from iluvatar_bench.runs import RunFolder, open_run
from iluvatar_bench.runs.load_trials import load_run
from iluvatar_bench.runs.run_tables import write_tables


def a_trial(number: int, **changes: object) -> Trial:
    fields: dict[str, object] = {
        "run_id": "r",
        "trial": number,
        "container_id": f"c-{number}",
        "profile": "guarded",
        "factors": {"cgroup": "own", "start_delay_ms": 0},
        "function": "hello",
        "submitted_at": "2026-01-01T00:00:00+00:00",
        "outcome": Outcome.OK,
        "steps": {"start_ms": 1.5},
    }
    return Trial(**{**fields, **changes})


FAILED = a_trial(
    1,
    outcome=Outcome.FAILED,
    bug_class="snapshot_overlay",
    mechanism="snapshot_collected",
    error='text with "quotes",\nlines and commas',
    evidence={"facts": ["a fact"], "snapshot_found": False},
    cleanup_errors=("one",),
)


def test_a_trial_survives_the_journal() -> None:
    for trial in (a_trial(0), FAILED):
        assert Trial.from_json(json.loads(json.dumps(trial.as_json()))) == trial


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome": Outcome.FAILED},
        {"outcome": Outcome.OK, "bug_class": "network"},
        {"outcome": Outcome.UNKNOWN, "bug_class": "network"},
        {"steps": {"lunch_ms": 1.0}},
    ],
)
def test_a_trial_that_does_not_add_up_cannot_be_made(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="trial 0"):
        a_trial(0, **changes)


def test_the_frame_has_a_column_per_factor_and_step_and_no_false_zero() -> None:
    frame = trials_frame([FAILED, a_trial(0)])
    assert list(frame["trial"]) == [0, 1]
    assert set(STEP_COLUMNS) <= set(frame.columns)
    assert {"cgroup", "start_delay_ms"} <= set(frame.columns)
    assert frame["prepare_ms"].isna().all()
    assert str(frame["submitted_at"].dt.tz) == "UTC"
    assert json.loads(frame.loc[1, "evidence"])["facts"] == ["a fact"]


def test_tables_are_read_back_and_a_run_cut_off_is_read_from_its_journal(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, profile_name="a/b c")
    assert folder.run_id.startswith("a-b-c-")
    folder.write_manifest({"status": "running", "plan": {"trials": [0, 1, 2]}})
    event = Event(run_id="r", timestamp="", topic="/tasks/exit")
    folder.observations["events"].append(event.as_row())
    for trial in (FAILED, a_trial(0)):
        folder.append(trial)
        # On disk before anything is derived from it.
        assert folder.journal()[-1] == trial
    cut_off = open_run(folder.path)
    folder.close()
    frame = trials_frame(folder.journal())
    write_tables(folder)
    folder.write_manifest({"status": "finished", "plan": {"trials": [0, 1]}})
    finished = open_run(str(folder.path))
    assert "cut off after 2 of 3 planned trials" in str(cut_off)
    assert "cut off" not in str(finished)
    for result in (cut_off, finished):
        # A column without any value is one of None or of NaN.
        found, expected = (f.dropna(axis="columns", how="all") for f in (result.trials, frame))
        pd.testing.assert_frame_equal(found, expected, check_dtype=False)
        assert set(result.trials.columns) == set(frame.columns)
        assert str(result).startswith("2 trials: 1 ok, 1 failed, 0 unknown")
    csv = pd.read_csv(folder.path / "trials.csv")
    assert csv.loc[1, "error"] == FAILED.error


def test_a_run_that_was_stopped_says_so_and_claims_no_bias(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, profile_name="p")
    folder.write_manifest({"status": "stopped", "plan": {"trials": [0, 1, 2]}})
    folder.append(a_trial(0))
    folder.close()
    assert "stopped after 1 of 3 planned trials" in str(open_run(folder.path))
    assert "too high" not in str(open_run(folder.path))


def test_invocations_have_a_row_each_with_their_trial_and_survive_the_journal(
    tmp_path: Path,
) -> None:
    answered, refused = (
        {
            "attachment": "10.10.0.2",
            "operation": "invoke",
            "first": first,
            "sent_at": sent_at,
            "duration_ms": 1.5,
            "status": status,
            "response_bytes": status and 20,
            "cause": None if status else "refused",
            "error": None if status else "nobody listens",
        }
        for first, sent_at, status in (
            (True, "2026-01-01T00:00:01+00:00", 200),
            (False, "2026-01-01T00:00:00.5+00:00", None),
        )
    )
    folder = RunFolder.create(tmp_path, profile_name="p")
    folder.append(replace(a_trial(3), invocations=(answered, refused)))
    folder.close()
    frame = invocations_frame(folder.journal())
    assert list(frame["trial"]) == [3, 3]
    assert list(frame["cause"].fillna("")) == ["refused", ""]
    assert frame["status"].isna().tolist() == [True, False]
    assert frame.dtypes.equals(invocations_frame([]).dtypes)


def test_a_half_written_last_line_of_a_journal_is_passed_over(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, profile_name="p")
    folder.write_manifest({})
    folder.append(a_trial(0))
    folder.close()
    with folder.journal_path.open("a") as file:
        file.write('{"run_id": "r", "tri')
    assert [trial.trial for trial in folder.journal()] == [0]


def test_what_is_no_run_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no run folder: it has no manifest\.json"):
        load_run(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(UsageError, match="cannot be read"):
        load_run(tmp_path)
    (tmp_path / "manifest.json").write_text('{"schema_version": 99}')
    with pytest.raises(UsageError, match="schema version 99"):
        load_run(tmp_path)
    for torn in ("", "not a table"):
        RunFolder(tmp_path).write_manifest({"status": "finished"})
        (tmp_path / "trials.parquet").write_text(torn)
        with pytest.raises(UsageError, match=r"the trials in .* cannot be read"):
            load_run(tmp_path)


def test_results_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnusablePath, match=r"cannot write results to .*choose another folder"):
        RunFolder.create(tmp_path / "file", profile_name="p")
