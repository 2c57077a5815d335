"""``run --resume``: what it refuses, in one line and before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import command
from tests.support.run_folders import make_run


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("finished", "is finished: there is nothing left to run"),
        ("stopped", "did not keep what was asked of a run"),
    ],
)
def test_runs_that_cannot_be_resumed(tmp_path: Path, status: str, words: str) -> None:
    run = make_run(tmp_path / "run", {"status": status}, ok=1)
    done = command("run", "--resume", str(run.folder))
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_workload_beside_it_and_none_at_all(tmp_path: Path) -> None:
    done = command("run", "--resume", "guarded", "cold-start")
    assert (done.returncode, "leave cold-start away" in done.stderr) == (2, True)
    done = command("run", "--json")
    assert (done.returncode, "--resume RUN" in done.stderr) == (2, True)
    done = command("run", "--resume", str(tmp_path / "nowhere"))
    assert (done.returncode, "no such folder" in done.stderr) == (2, True)
