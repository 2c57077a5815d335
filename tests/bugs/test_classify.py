"""Texts of real failures, and of none: each must get its class, however it is quoted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from iluvatar_bench.bugs.classify import MATCHED_LIMIT, NO_FAILURE, classify_text, is_calm
from iluvatar_bench.bugs.signatures import SIGNATURES
from iluvatar_bench.bugs.taxonomy import BugClass
from tests.bugs.failure_texts import CASES, HEALTHY

SEED = Path(__file__).parents[2] / "data" / "seed"


@pytest.mark.parametrize(("bug_class", "text"), CASES)
def test_a_failure_gets_its_class(bug_class: BugClass, text: str) -> None:
    assert classify_text(text).bug_class is bug_class


@pytest.mark.parametrize(("bug_class", "text"), CASES)
@pytest.mark.parametrize("depth", [1, 2])
def test_quoting_does_not_change_the_class(bug_class: BugClass, text: str, depth: int) -> None:
    """A text arrives inside a JSON or logfmt string, sometimes inside another program's string."""
    for _ in range(depth):
        text = json.dumps(text)
    assert classify_text('{"level":"error","msg":' + text + "}").bug_class is bug_class
    line = f'time="2024-01-05T10:11:12Z" level=error msg="RunPodSandbox failed" error={text}'
    assert classify_text(line).bug_class is bug_class


@pytest.mark.parametrize(("bug_class", "text"), CASES)
def test_healthy_lines_around_a_failure_do_not_hide_it(bug_class: BugClass, text: str) -> None:
    block = "\r\n".join(HEALTHY) + "\n" + text + "\n" + "\n".join(HEALTHY)
    assert classify_text(block).bug_class is bug_class


@pytest.mark.parametrize("text", HEALTHY)
def test_what_is_no_failure_is_no_failure(text: str) -> None:
    assert classify_text(text) == NO_FAILURE


@pytest.mark.parametrize(
    ("name", "bug_class"),
    [
        ("overlay.txt", BugClass.SNAPSHOT_OVERLAY),
        ("missing_csv.txt", BugClass.MISSING_PACKAGES),
        ("missing_calendar.txt", BugClass.MISSING_PACKAGES),
        ("process_died.log", BugClass.PROCESS_DIED),
    ],
)
def test_the_notes_of_2022(name: str, bug_class: BugClass) -> None:
    assert classify_text((SEED / name).read_text(encoding="utf-8")).bug_class is bug_class


def test_of_the_monitor_log_only_the_warnings_report_the_death() -> None:
    lines = (SEED / "process_died.log").read_text(encoding="utf-8").splitlines()
    reporting = [n for n, line in enumerate(lines) if classify_text(line).bug_class is not None]
    assert reporting == [1, 3]
    assert all(classify_text(lines[n]).bug_class is BugClass.PROCESS_DIED for n in reporting)


@pytest.mark.parametrize(
    ("texts", "earlier"),
    [
        # in both orders: the position in the text does not matter
        (("ttrpc: closed", "failed to mount rootfs component &{}"), BugClass.SNAPSHOT_OVERLAY),
        (("context deadline exceeded", "no IP addresses available in range"), BugClass.NETWORK),
        (("cannot start a stopped process", "container init was OOM-killed"), BugClass.OOM_KILLED),
        (
            ("Removing an unhealthy container", "ModuleNotFoundError: No module named 'csv'"),
            BugClass.MISSING_PACKAGES,
        ),
        (
            (
                "Traceback (most recent call last):",
                "Error trying to read container a /proc/1/statm",
            ),
            BugClass.PROCESS_DIED,
        ),
        (("HTTP error when trying to connect to container", "panic: "), BugClass.STARTUP_ERROR),
    ],
)
def test_a_text_of_two_classes_gets_the_earlier_cause(
    texts: tuple[str, str], earlier: BugClass
) -> None:
    assert classify_text("\n".join(texts)).bug_class is earlier
    assert classify_text("\n".join(reversed(texts))).bug_class is earlier


def test_what_is_done_after_a_failure_does_not_calm_it() -> None:
    text = "web-1 failed: recalculating quotas after container died with exit code 1"
    assert classify_text(text).bug_class is BugClass.PROCESS_DIED


def test_a_traceback_below_an_info_line_is_judged() -> None:
    text = "INFO:app:starting\nTraceback (most recent call last):\nValueError: no port"
    assert classify_text(text).bug_class is BugClass.STARTUP_ERROR


def test_a_level_inside_a_message_does_not_calm_it() -> None:
    quoted = 'E0105 10:11:12.412000    2098 pod.go:1] "x" err="time=1 level=info ttrpc: closed"'
    assert not is_calm(quoted)
    assert classify_text(quoted).bug_class is BugClass.SHIM_LOST
    document = (
        '{ "Error": "stderr \'{"level":"info"}\nModuleNotFoundError: No module named \'x\'" }'
    )
    assert classify_text(document).bug_class is BugClass.MISSING_PACKAGES


def test_the_match_is_kept_and_bounded() -> None:
    found = classify_text("x ModuleNotFoundError: No module named 'csv' y")
    assert found.matched == "ModuleNotFoundError: No module named 'csv'"
    assert found.signature in SIGNATURES
    long = classify_text(
        'exec: "/' + "a" * 280 + '": stat /' + "a" * 280 + ": no such file or directory"
    )
    assert long.bug_class is BugClass.MISSING_PACKAGES
    assert len(long.matched) == MATCHED_LIMIT


def test_what_is_near_must_stand_in_the_same_line() -> None:
    limit = "inotify_add_watch /x: no space left on device"
    assert classify_text(limit).bug_class is BugClass.INOTIFY_LIMIT
    apart = "inotify is used here\nwrite /x: no space left on device"
    assert classify_text(apart).bug_class is BugClass.DISK_FULL
