"""A failure told as a warning, or as news with an error in a field; and what only sounds like one."""

from __future__ import annotations

from pathlib import Path

import pytest

from iluvatar_bench.bugs.classify import classify_text
from iluvatar_bench.bugs.taxonomy import BugClass, Certainty
from iluvatar_bench.worker_logs import scan

STAMP = 'time="2026-01-04T09:11:00.123456789Z"'
PASSED_ON = (
    f'{STAMP} level=info msg="container wait error, sending error to client"'
    ' error="failed to start container: cannot create the task"'
)
NEWS = (
    f'{STAMP} level=info msg="apply failure, attempting cleanup"'
    ' error="failed to extract layer sha256:81e2: mkparent /var/lib/x: not a directory: unknown"'
)


@pytest.mark.parametrize(
    "line",
    [
        'level=warning msg="sandbox stopped unexpectedly" error="failed to ping it: QEMU exited"',
        "WARNING: Job failed: exit code 1",
        "[WARN] <shop> ExitError >> exit status 127, exit code: 127",
        NEWS,
        PASSED_ON,
    ],
)
def test_what_nobody_would_say_of_health_counts_at_a_low_level_too(line: str) -> None:
    assert classify_text(line).bug_class is not None


@pytest.mark.parametrize(
    "line",
    [
        # The same for debugging, without an error of its own, or with an empty one.
        NEWS.replace("level=info", "level=debug"),
        f'{STAMP} level=info msg="stopping event stream after shutdown" error="<nil>"',
        f'{STAMP} level=info msg="attempting cleanup" error=""',
        # What is not there, and what is done without.
        'level=warning msg="Failed to find docker-init" error="exec: \\"docker-init\\": not found"',
        'level=info msg="skipping: failed to monitor it" error="permission denied"',
        'level=warning msg="skip loading plugin, failed to mount" error="permission denied"',
    ],
)
def test_what_a_program_gets_over_does_not(line: str) -> None:
    assert classify_text(line).bug_class is None


@pytest.mark.parametrize("line", [NEWS, PASSED_ON])
def test_a_file_shows_them_as_a_line_by_itself_does(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.log"
    calm = f'{STAMP} level=info msg="hello"\n'
    path.write_text(f"{calm}{line}\n{calm}")
    report = scan([path])
    assert len(report.failures) + len(report.unclassified) >= 1


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
