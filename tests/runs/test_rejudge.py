"""Old evidence under today's rules: new verdicts beside the recorded ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from iluvatar_bench.bugs import RULES_VERSION
from iluvatar_bench.errors import UsageError
from iluvatar_bench.explain import explain_trial
from iluvatar_bench.runs import (
    find_run,
    open_run,
    parquet_trials,
    recorded_names,
    rejudge_run,
)
from iluvatar_bench.stats import check_accounting
from tests.support.command import command
from tests.support.run_folders import make_run

RECORDED = "iluvatar-2022-07"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A recorded run whose rules knew no collection, and took one class for another."""
    folder = tmp_path / "old"
    shutil.copytree(find_run(RECORDED), folder)
    trials = pd.read_parquet(folder / "trials.parquet")
    killed = trials["mechanism"] == "snapshot_collected"
    assert killed.sum() > 1
    trials.loc[killed, "mechanism"] = "unknown"
    trials.to_parquet(folder / "trials.parquet", index=False)
    return folder


# Recorded before a rule was there that names the mechanism of one of its failures.
LEFT_OPEN = ("collateral_kill", "unknown")
LEARNED = {"root-cause": [("unknown", "cgroup_removed")]}


def test_the_history_of_versions_has_todays_rules() -> None:
    text = (Path(__file__).parents[2] / "docs" / "versions.md").read_text()
    assert f"| {RULES_VERSION} | today's" in text


@pytest.mark.parametrize("name", recorded_names())
def test_todays_rules_find_in_recorded_runs_what_was_recorded(name: str) -> None:
    """A change of a rule that shows here needs a new ``RULES_VERSION``, and new recorded runs."""
    rejudged = rejudge_run(find_run(name), write=False)
    changes = rejudged.changes
    assert changes["recorded_bug_class"].equals(changes["bug_class"])
    learned = list(zip(changes["recorded_mechanism"], changes["mechanism"], strict=True))
    # Recorded without the kernel's witness, amid Kills that cover most of the time.
    learned = [change for change in learned if change != LEFT_OPEN]
    assert learned == LEARNED.get(name, [])
    assert rejudged.not_judged == {}


def test_the_new_verdict_stands_beside_the_old_one(old: Path) -> None:
    before = open_run(old)
    wanted = open_run(find_run(RECORDED)).trials.set_index("trial")["mechanism"]
    rejudged = rejudge_run(old)
    changes = rejudged.changes
    changed = set(zip(changes["recorded_mechanism"], changes["mechanism"], strict=True))
    assert changed == {("unknown", "snapshot_collected"), LEFT_OPEN}
    after = open_run(old)
    trials = after.trials.set_index("trial")
    collected = wanted == "snapshot_collected"
    assert (trials["mechanism"][collected] == "snapshot_collected").all()
    recorded = before.trials.set_index("trial")[["bug_class", "mechanism"]]
    kept = trials[["recorded_bug_class", "recorded_mechanism"]]
    assert (kept.fillna("").to_numpy() == recorded.fillna("").to_numpy()).all()
    check_accounting(after.trials)
    assert list(after.trials["outcome"]) == list(before.trials["outcome"])
    (note,) = after.manifest["rejudged"]
    assert (note["rules"], note["changed"]) == (RULES_VERSION, len(rejudged.changes))
    assert after.manifest["schema_version"] == before.manifest["schema_version"]
    assert (old / "failure_rates.csv").exists()
    assert pd.read_csv(old / "trials.csv")["recorded_mechanism"].notna().any()


def test_judged_twice_the_first_verdict_is_what_stays(old: Path) -> None:
    first, second = rejudge_run(old), rejudge_run(old)
    pd.testing.assert_frame_equal(first.changes, second.changes)
    trials = open_run(old).trials
    changed = trials[trials["trial"].isin(first.changes["trial"])]
    assert set(changed["recorded_mechanism"]) == {"unknown", "collateral_kill"}
    assert len(open_run(old).manifest["rejudged"]) == 2


def test_judged_some_trials_at_a_time_it_comes_out_the_same(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Path(shutil.copytree(old, tmp_path / "other"))
    at_once = rejudge_run(old)
    monkeypatch.setattr(parquet_trials, "MOST_ROWS", 7)
    in_parts = rejudge_run(other)
    assert at_once.judged == in_parts.judged > 0
    pd.testing.assert_frame_equal(at_once.changes, in_parts.changes)
    one, two = (pd.read_parquet(folder / "trials.parquet") for folder in (old, other))
    pd.testing.assert_frame_equal(one, two, check_dtype=False)
    for name in ("trials.csv", "failure_rates.csv"):
        assert (old / name).read_bytes() == (other / name).read_bytes()


def test_explain_says_which_rules_judged(old: Path) -> None:
    trial = int(rejudge_run(old, write=False).changes["trial"].iloc[0])
    assert "rules of a version that did not number them" in str(explain_trial(open_run(old), trial))
    rejudge_run(old)
    text = str(explain_trial(open_run(old), trial))
    assert f"rules {RULES_VERSION}" in text
    assert "unknown, by rules of a version that did not number them" in text


def test_the_command_counts_what_changed_and_writes_only_if_it_may(old: Path) -> None:
    untouched = (old / "trials.parquet").read_bytes()
    done = command("rejudge", str(old), "--dry-run")
    assert done.returncode == 0
    assert "nothing was written" in done.stdout
    assert (old / "trials.parquet").read_bytes() == untouched
    outdated = [old / "failure_rates.png", old / "failure_rates.svg", old / "notes.png"]
    for path in outdated:
        path.write_text("of the verdicts of then")
    document = json.loads(command("rejudge", str(old), "--json").stdout)
    assert [path.read_bytes()[:4] for path in outdated] == [b"\x89PNG", b"<?xm", b"of t"]
    assert not list(old.glob("steps.*"))
    assert document["rules"] == RULES_VERSION
    assert document["changes"][0]["recorded_mechanism"] == "unknown"
    assert (old / "trials.parquet").read_bytes() != untouched


def test_trials_without_evidence_stay_as_recorded(tmp_path: Path) -> None:
    run = make_run(tmp_path / "bare", ok=1, process_died=2, unknown=1)
    rejudged = rejudge_run(run.folder)
    assert rejudged.judged == 0
    assert set(rejudged.not_judged) == {1, 2, 3}
    assert open_run(run.folder).trials.equals(run.trials)


def test_the_share_of_time_is_the_readers_to_choose(tmp_path: Path) -> None:
    path = find_run(RECORDED)
    strict = rejudge_run(path, write=False, largest_share=0.0)
    lenient = rejudge_run(path, write=False, largest_share=1.0)
    kills = open_run(path).trials["mechanism"].eq("collateral_kill").sum()
    assert len(lenient.changes) < len(strict.changes) <= kills
    with pytest.raises(UsageError, match="between 0 and 1"):
        rejudge_run(path, write=False, largest_share=5)


def test_a_run_that_has_not_ended_is_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path / "killed", {"status": "running"}, ok=1)
    with pytest.raises(UsageError, match="run --resume"):
        rejudge_run(run.folder)
