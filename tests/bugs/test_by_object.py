"""Errors that no wording knows get the class of what could not be done to what."""

from __future__ import annotations

from typing import Any

import pytest

from iluvatar_bench.bugs.classify import classify_text
from iluvatar_bench.bugs.signatures import BY_OBJECT, SIGNATURES
from iluvatar_bench.bugs.signatures.candidates import Candidates
from iluvatar_bench.bugs.taxonomy import BugClass, Certainty
from tests.bugs.failure_texts import CASES
from tests.bugs.labelled_texts import labelled_texts

_ERROR = 'time="2026-03-01T10:00:00Z" level=error msg='
TEXTS = [
    (BugClass.CREATE_REJECTED, "  Warning  PreStartHookError  3s  kubelet  qux hook"),
    (BugClass.STARTUP_ERROR, "  Warning  FailedPostStartHook  3s  kubelet  qux hook"),
    (BugClass.REMOVAL_FAILED, "  Warning  UnfinishedPreStopHook  3s  kubelet  qux hook"),
    (BugClass.NETWORK, "  Warning  HostPortConflict  3s  kubelet  8443 is qux"),
    (BugClass.IMAGE, "  Warning  InspectFailed  3s  kubelet  qux"),
    (BugClass.REMOVAL_FAILED, "jail: web: /sbin/umount /jails/web/root/dev: failed"),
    (BugClass.NETWORK, "ifconfig: ioctl (SIOCAIFADDR): File exists"),
    (BugClass.CREATE_REJECTED, "mount_nullfs: /jails/web/root/.base: Operation not permitted"),
    (BugClass.SNAPSHOT_OVERLAY, "mount: /srv/merged: wrong fs type, bad superblock on overlay."),
    (BugClass.UNCLASSIFIED, "mount: /srv/disk: wrong fs type, bad superblock on /dev/sdb."),
    (BugClass.SNAPSHOT_OVERLAY, "fuse-overlayfs: cannot read upper dir: qux"),
    (BugClass.IMAGE, "[ERROR] unsquashfs: failed to read fragment table"),
    (BugClass.DAEMON_CRASHED, "X Failed to restart the container runtime: qux"),
    (BugClass.DAEMON_UNAVAILABLE, f'{_ERROR}"cannot reach the container runtime: qux"'),
    (BugClass.OOM_KILLED, f'{_ERROR}"container out of memory: give it more"'),
    (BugClass.REMOVAL_FAILED, f'{_ERROR}"failed to forcibly stop sandbox web-1: qux"'),
    (BugClass.NETWORK, f'{_ERROR}"could not find the default route: qux"'),
    (BugClass.IMAGE, f'{_ERROR}"failed to read manifest: qux"'),
    (BugClass.SNAPSHOTTER_UNAVAILABLE, f'{_ERROR}"failed to find subvolume 257: qux"'),
    (BugClass.SNAPSHOTTER_UNAVAILABLE, "ERRO[0001] the dmsetup of quux is qux: exit status 1"),
    (BugClass.SNAPSHOT_OVERLAY, f'{_ERROR}"failed to look at lowerdir: qux"'),
    (BugClass.CREATE_REJECTED, f'{_ERROR}"failed to mount /srv/web-1: qux"'),
    (BugClass.CGROUP_SETUP, f'{_ERROR}"cannot write memory.max: qux"'),
    (BugClass.DEADLINE, f'{_ERROR}"container web-1: max retries reached"'),
    (BugClass.INVOKE_FAILED, f'{_ERROR}"activation 4711 at container web-1 returned an error"'),
    (BugClass.CREATE_REJECTED, f'{_ERROR}"failed to launch microVM web-1: qux"'),
    (BugClass.CREATE_REJECTED, "TASK ERROR: startup for container 'web-1' failed"),
    (BugClass.REMOVAL_FAILED, "TASK ERROR: removal of volume web-1 failed"),
    (BugClass.CREATE_REJECTED, f'{_ERROR}"cannot apply capabilities: qux"'),
    (BugClass.CREATE_REJECTED, "[conmon:e]: the quux is qux"),
    (BugClass.PROCESS_DIED, f'{_ERROR}"failed to find container web-1 in store: qux"'),
    (BugClass.PROCESS_DIED, f'{_ERROR}"node web-1 has been marked as dead"'),
    (BugClass.STARTUP_ERROR, f'{_ERROR}"the quux is qux: exit status 3"'),
    (BugClass.STARTUP_ERROR, f'{_ERROR}"the quux terminated unexpectedly"'),
    (BugClass.STARTUP_ERROR, "ERROR: quux.service: process exited, code=exited, status=3/QUX"),
    (BugClass.SECURITY_DENIED, f'{_ERROR}"quux: operation not permitted"'),
    (BugClass.DAEMON_CRASHED, f"Mar 01 10:00:00 n1 dockerd[7]: {_ERROR}".replace("error", "fatal")),
]


@pytest.mark.parametrize(("bug_class", "text"), TEXTS)
def test_an_action_and_its_object_give_a_class(bug_class: BugClass, text: str) -> None:
    found = classify_text(text)
    assert found.bug_class is bug_class
    assert found.signature in BY_OBJECT
    assert found.certainty is not Certainty.CERTAIN
    # Whoever has evidence goes by that.
    assert found.symptom is None


def test_every_row_is_needed_by_some_text() -> None:
    used = [classify_text(text).signature for _, text in TEXTS]
    assert [s.pattern.pattern for s in BY_OBJECT if s not in used] == []


@pytest.mark.parametrize(
    "text",
    [
        # Calm, or a warning: no failure by its object either.
        'time="2026-03-01T10:00:00Z" level=info msg="failed to forcibly stop sandbox web-1: qux"',
        "the sandbox web-1 has a default route",
        "Unable to find image 'web:1' locally",
    ],
)
def test_a_line_that_is_no_error_gets_no_class(text: str) -> None:
    assert classify_text(text).bug_class is None


@pytest.mark.parametrize(
    "text",
    [
        f'{_ERROR}"failed to get container stats: qux"',
        f'{_ERROR}"failed to list containers: qux"',
        f'{_ERROR}"Handler for GET /v1.38/containers/web/logs returned error: qux"',
    ],
)
def test_what_is_done_around_containers_fails_none(text: str) -> None:
    assert classify_text(text).bug_class is BugClass.UNCLASSIFIED


def test_no_signature_that_can_match_is_left_out() -> None:
    """The candidates of a text are those that a search through the whole table finds."""
    candidates = Candidates(SIGNATURES)
    texts = [text for _, text in CASES] + [t.text for t in labelled_texts()]
    for text in texts:
        for shifted in (text, f" {text}"):
            matching = [s for s in SIGNATURES if s.find(shifted) is not None]
            left: list[Any] = [s for s in matching if s not in candidates.of(shifted)]
            assert left == [], shifted


@pytest.mark.parametrize(
    ("text", "noticed"),
    [
        # The same word in an error and in a sentence that reports none.
        ("App instance exited, reason=>CRASHED, exit_status=>127", True),
        ("The actor never ran: it was cancelled before it started", True),
        ("Release must be bootstrapped first; see the manual", True),
        ("ifconfig: ioctl (SIOCAIFADDR): File exists", True),
        ("    State:          Terminated\n      Reason:       Completed", False),
        ("Password will never expire", False),
        ("connection closed by client", False),
    ],
)
def test_a_hint_is_weighed_against_the_rest_of_its_line(text: str, noticed: bool) -> None:
    assert (classify_text(text).bug_class is not None) is noticed


@pytest.mark.parametrize("kind", ["Warning", "Normal"])
def test_an_event_that_is_logged_at_level_info_counts_by_its_type(kind: str) -> None:
    text = (
        'I1222 05:43:21.925839       9 event.go:282] Event(v1.ObjectReference{Kind:"Pod", '
        f"Name:\"web-1\"}}): type: '{kind}' reason: 'OddReason' the quux is qux"
    )
    expected = BugClass.UNCLASSIFIED if kind == "Warning" else None
    assert classify_text(text).bug_class is expected


@pytest.mark.parametrize(
    ("text", "noticed"),
    [
        # An empty field says nothing of what stands beside it, an exit status of 0 does.
        ("container exit_code=1 reason='Error' message=None", True),
        ("status={Running:false Exiting:true Errors:[it is qux]}", True),
        ("container died (image=web, exitCode=0)", False),
        ("web has 0 errors, last error: none", False),
        ("This error can safely be ignored", False),
        ("2015-01-08 04:03:04 12 [Note] Web: the first file did not exist", False),
        ("2021-08-30T18:30:23:DEBUG:web.api: no error will be told", False),
    ],
)
def test_what_is_empty_excuses_itself_only(text: str, noticed: bool) -> None:
    assert (classify_text(text).bug_class is not None) is noticed
