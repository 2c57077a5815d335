"""``runs``: what there is, for people and for scripts, and every command takes what it says."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.command import command
from tests.support.run_folders import make_run


def test_the_runs_there_are_and_what_to_call_them_by(tmp_path: Path) -> None:
    for hour in (1, 2):
        began = {"started_at": f"2026-11-28T0{hour}:00:00+00:00"}
        make_run(tmp_path / "results" / f"run-{hour}", began, ok=3 - hour, process_died=hour)
    done = command("runs", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    head, first, second, *recorded = done.stdout.splitlines()
    assert head.split()[:4] == ["call", "it", "run", "profile"]
    assert first.split()[:2] == ["@1", "run-2"]
    assert " ".join(first.split()[3:8]) == "cold-start hello 3 2 2026-11-28"
    assert second.split()[:2] == ["@2", "run-1"]
    assert [line.split()[0] for line in recorded][:2] == ["churn-guarded", "churn-iluvatar-2022-07"]
    document = json.loads(command("runs", "--json", cwd=tmp_path).stdout)
    assert document[0]["call"] == "@1"
    assert document[0]["folder"] == str(tmp_path / "results" / "run-2")
    assert (document[0]["trials"], document[0]["failed"]) == (3, 2)


def test_without_any_the_recorded_ones_are_shown(tmp_path: Path) -> None:
    done = command("runs", "--out", "nowhere", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].startswith("no run folder in nowhere; these are")


def test_commands_take_a_run_by_its_place_in_the_list(tmp_path: Path) -> None:
    for hour in (1, 2):
        began = {"started_at": f"2026-11-28T0{hour}:00:00+00:00"}
        make_run(tmp_path / "results" / f"run-{hour}", began, ok=20, process_died=10 * (hour - 1))
    done = command("compare", "@2", "@latest", "--json", cwd=tmp_path)
    rows = {row["bug_class"]: row for row in json.loads(done.stdout)["classes"]}
    assert rows["process_died"]["baseline_count"] == 0
    assert rows["process_died"]["candidate_count"] == 10
    done = command("explain", "@latest", "25", cwd=tmp_path)
    assert "process_died" in done.stdout
    done = command("rejudge", "run-1", "--dry-run", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
