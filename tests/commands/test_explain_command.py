"""``explain RUN``: first what there is to explain, then one trial of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import command
from tests.support.run_folders import make_run


@pytest.fixture
def run(tmp_path: Path) -> str:
    make_run(tmp_path / "run", ok=3, process_died=4, silent_startup=5, unknown=1)
    return str(tmp_path / "run")


def test_a_run_alone_lists_what_failed_and_how_to_explain_the_first(run: str) -> None:
    done = command("explain", run)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["bug", "class", "mechanism", "trials", "the", "first", "of", "them"],
        ["silent_startup", "unknown", "5", "explain", run, "7"],
        ["process_died", "unknown", "4", "explain", run, "3"],
        ["answer_lost", "–", "1", "explain", run, "12"],
        ["10", "of", "13", "trials"],
    ]
    for number in ("7", "12"):
        assert command("explain", run, number).returncode == 0


def test_what_is_to_be_typed_next_holds_when_another_run_has_begun(run: str) -> None:
    done = command("explain", f"{Path(run).parent}/@latest")
    assert f"explain {run} 7" in done.stdout


def test_a_class_or_a_mechanism_is_its_trials_and_the_first_of_them(run: str) -> None:
    said = command("explain", run, "process_died").stdout
    assert said.startswith("4 of 13 trials are process_died: 3, 4, 5, 6; this is the first")
    assert "\nTrial 3 of run" in said
    said = command("explain", "iluvatar-2022-07", "collateral_kill").stdout
    assert said.startswith("24 of 40 trials are collateral_kill: 0, 1, 3, ")
    assert "\nTrial 0 of " in said


def test_a_run_without_a_failure_says_so(tmp_path: Path) -> None:
    make_run(tmp_path / "well", ok=3)
    done = command("explain", str(tmp_path / "well"))
    assert done.stdout == "no trial failed: all 3 of run well went well\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["proces_died"], "nor a class (did you mean process_died?); the classes in run run are: "),
        (["oom_killed"], "run run has no trial of oom_killed; its classes are: process_died, sil"),
        (["99"], "has no trial 99; there are 13, from 0 to 12"),
        (["--html", "x.html"], "a page is of one trial"),
        (["3", "--live", "x"], "name either RUN (and TRIAL), or --live CONTAINER"),
    ],
)
def test_wrong_requests_are_one_line(run: str, words: list[str], message: str) -> None:
    done = command("explain", run, *words)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert message in done.stderr
