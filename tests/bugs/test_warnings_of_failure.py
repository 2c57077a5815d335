"""A failure that is only warned of, and what only sounds like one."""

from __future__ import annotations

from pathlib import Path

import pytest

from iluvatar_bench.bugs.classify import classify_text
from iluvatar_bench.bugs.taxonomy import BugClass, Certainty
from iluvatar_bench.worker_logs import scan

STOPPED = 'level=warning msg="sandbox stopped unexpectedly" error="failed to ping it: QEMU exited"'


@pytest.mark.parametrize(
    "line", [STOPPED, "WARNING: Job failed: exit code 1", "W: container killed, OCI runtime failed"]
)
def test_what_nobody_would_say_of_health_counts_as_a_warning_too(line: str) -> None:
    assert classify_text(line).bug_class is not None


@pytest.mark.parametrize(
    "line",
    [
        # As news, and for debugging.
        STOPPED.replace("warning", "info"),
        STOPPED.replace("warning", "debug"),
        # What is not there, and what is done without.
        'level=warning msg="Failed to find docker-init" error="exec: \\"docker-init\\": not found"',
        'level=warning msg="skip loading plugin, failed to mount" error="permission denied"',
    ],
)
def test_what_a_program_gets_over_does_not(line: str) -> None:
    assert classify_text(line).bug_class is None


def test_a_file_shows_it_as_a_line_by_itself_does(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    calm = 'level=info msg="hello"\n'
    path.write_text(f"{calm}{STOPPED}\n{calm}")
    report = scan([path])
    assert len(report.failures) + len(report.unclassified) == 1


def test_the_level_of_dotnets_console_holds_for_the_line_below_it() -> None:
    head, text = "Microsoft.Shop.Store[60]", "Storing keys in a folder that may not be kept."
    assert classify_text(f"warn: {head}\n      {text}").bug_class is None
    assert classify_text(f"info: {head}\n      Could not keep the keys.").bug_class is None
    failed = classify_text(f"fail: {head}\n      Hosting failed to start")
    assert failed.bug_class is BugClass.STARTUP_ERROR


def test_a_name_that_sounds_like_an_error_hides_none_beside_it() -> None:
    assert classify_text("Upstream HTTP killed due to exec_timeout: 10s").bug_class is not None
    assert classify_text("HTTP Read Timeout: 5m5s").bug_class is None
    assert classify_text('restart policy "on-failure"').bug_class is None
    assert classify_text('"response": {"success": false, "status": "error"}').bug_class is not None
    assert classify_text("the error was resolved with success: true").bug_class is None


def test_a_bare_sentence_gets_a_class_that_is_only_possible() -> None:
    found = classify_text("HTTP Error 500.30 - ASP.NET Core app failed to start")
    assert (found.bug_class, found.certainty) == (BugClass.STARTUP_ERROR, Certainty.POSSIBLE)
    assert found.by_words


def test_a_copy_of_a_container_that_was_not_made_is_of_no_class_and_no_failure_of_it(
    tmp_path: Path,
) -> None:
    text = "ctr: runc did not terminate successfully: exit status 1: criu failed: type NOTIFY"
    found = classify_text(text)
    assert found.bug_class is BugClass.UNCLASSIFIED
    assert found.signature is not None
    assert found.known is None
    assert found.symptom is None
    path = tmp_path / "a.log"
    path.write_text(f"{text}\nError (criu/files-reg.c:1815): Can't lookup mount=26 for fd=0\n")
    report = scan([path])
    assert set(report.failures["bug_class"]) <= {"unclassified"}
    assert len(report.unclassified)
