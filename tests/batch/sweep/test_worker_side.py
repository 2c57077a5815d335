"""The process of a job: its answer, its end without one, and what giving it up does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from iluvatar_bench.batch.sweep.job_outcome import JobEnd, JobOutcome
from iluvatar_bench.batch.sweep.packed_folder import packed, unpack_folder
from iluvatar_bench.batch.sweep.worker_side import give_up, in_process
from tests.support.two_hosts import ROOT
from tests.support.waiting import wait_for

JOB = "tests.support.waiting_job"


@pytest.fixture(autouse=True)
def from_this_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def test_a_job_answers_with_one_line_whatever_else_it_prints() -> None:
    outcome = in_process("one", JOB, {"ends": True, "place": "/srv"})
    assert outcome == JobOutcome(end=JobEnd.FINISHED, place="/srv")


def test_a_job_that_is_given_up_ends_and_says_so(tmp_path: Path) -> None:
    place = tmp_path / "waits"
    with ThreadPoolExecutor() as threads:
        job = threads.submit(in_process, "two", JOB, {"ends": False, "place": str(place)})
        wait_for(place.exists)
        give_up(["another"])
        assert not job.done()
        give_up(["another", "two"])
        assert job.result(10) == JobOutcome(end=JobEnd.GIVEN_UP, error="it was given up")


def test_a_process_that_ends_without_an_answer_is_told_with_its_last_words() -> None:
    outcome = in_process("three", "tests.support.no_such_module", {"a": "b" * 100_000})
    assert outcome.end is JobEnd.FAILED
    assert "its process ended with 1: " in str(outcome.error)
    assert "No module named tests.support.no_such_module" in str(outcome.error)


def test_a_folder_travels_with_all_its_files(tmp_path: Path) -> None:
    (tmp_path / "run" / "deep").mkdir(parents=True)
    (tmp_path / "run" / "deep" / "trials.csv").write_text("a\n")
    (tmp_path / "run" / "note.html").write_bytes(b"\x00\xff")
    unpack_folder(packed(tmp_path / "run"), tmp_path / "other")
    found = {
        str(path.relative_to(tmp_path / "other")): path.read_bytes()
        for path in (tmp_path / "other").rglob("*")
        if path.is_file()
    }
    assert found == {"deep/trials.csv": b"a\n", "note.html": b"\x00\xff"}
