"""Whose doing a file's absence is: the collector's, the function's, or nobody can say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from iluvatar_bench.bugs import (
    BugClass,
    Evidence,
    FileKind,
    FileVerdict,
    Mechanism,
    MissingFact,
    SnapshotFact,
    attribute,
)
from tests.bugs.plain_evidence import COLLECTED, INTACT, mechanism


def test_a_collected_snapshot_is_named_with_both_facts() -> None:
    for symptom in (BugClass.SNAPSHOT_OVERLAY, BugClass.MISSING_PACKAGES):
        verdict = attribute(symptom, COLLECTED)
        assert verdict.bug_class is symptom
        assert verdict.mechanism is Mechanism.SNAPSHOT_COLLECTED
        assert [("not found" in fact, "/snapshots/7/fs" in fact) for fact in verdict.facts] == [
            (True, False),
            (False, True),
        ]


def test_a_snapshot_that_we_removed_was_not_collected() -> None:
    ours = replace(COLLECTED, snapshot_removed_by_us=True)
    assert mechanism(BugClass.SNAPSHOT_OVERLAY, ours) is Mechanism.UNKNOWN
    nobody_knows = replace(COLLECTED, snapshot_removed_by_us=None)
    assert mechanism(BugClass.SNAPSHOT_OVERLAY, nobody_knows) is Mechanism.UNKNOWN


def test_a_layer_that_was_collected_is_told_from_a_snapshot_that_was() -> None:
    lost = (SnapshotFact("top", found=True), SnapshotFact("base", found=False))
    below = Evidence(error="parent snapshot base does not exist: not found", parents=lost)
    proven = attribute(BugClass.SNAPSHOT_NOT_FOUND, below)
    assert (proven.mechanism, proven.proven) == (Mechanism.PARENT_COLLECTED, True)
    assert proven.facts == ("Snapshots.Stat of the committed snapshot base below it: not found",)
    said = attribute(BugClass.SNAPSHOT_NOT_FOUND, replace(below, parents=None))
    assert (said.mechanism, said.proven) == (Mechanism.PARENT_COLLECTED, False)
    there = replace(below, parents=(SnapshotFact("base", found=True),))
    assert mechanism(BugClass.SNAPSHOT_NOT_FOUND, there) is Mechanism.UNKNOWN
    both = replace(COLLECTED, parents=lost)
    assert mechanism(BugClass.SNAPSHOT_NOT_FOUND, both) is Mechanism.SNAPSHOT_COLLECTED


def test_contradictory_facts_about_the_snapshot_give_unknown() -> None:
    contradiction = replace(COLLECTED, snapshot_found=True, exit_status=1)
    assert mechanism(BugClass.MISSING_PACKAGES, contradiction) is Mechanism.UNKNOWN


def test_a_missing_module_on_an_intact_snapshot_is_the_functions_own_error() -> None:
    verdict = attribute(BugClass.MISSING_PACKAGES, replace(INTACT, exit_status=1))
    assert verdict.bug_class is BugClass.STARTUP_ERROR
    assert verdict.mechanism is Mechanism.OWN_ERROR


@pytest.mark.parametrize(
    "error",
    [
        "runc create failed: unable to set memory limit to 1048576 (current usage: 2719744)",
        "runc create failed: exec format error",
        "error updating spec state: invalid state transition from stopped to paused",
    ],
)
def test_a_collection_at_the_same_time_does_not_cause_what_is_no_matter_of_files(
    error: str,
) -> None:
    """The snapshot is gone, and the runtime complains of something else."""
    evidence = replace(COLLECTED, step="task_create", error=error)
    assert mechanism(BugClass.CREATE_REJECTED, evidence) is Mechanism.UNKNOWN
    gone = replace(evidence, error='exec: "python3": executable file not found in $PATH')
    assert mechanism(BugClass.CREATE_REJECTED, gone) is Mechanism.SNAPSHOT_COLLECTED


def test_a_startup_error_needs_words_of_missing_files() -> None:
    evidence = replace(
        COLLECTED, missing=(), error="ended with status 1", stderr_tail="ValueError: 5"
    )
    assert mechanism(BugClass.STARTUP_ERROR, evidence) is not Mechanism.SNAPSHOT_COLLECTED
    lost = replace(evidence, stderr_tail="open /proc/self/fd: no such file or directory")
    assert mechanism(BugClass.STARTUP_ERROR, lost) is Mechanism.SNAPSHOT_COLLECTED


def test_a_start_that_cannot_read_is_consistent_with_a_collected_snapshot_and_no_proof() -> None:
    """devmapper's device fails under the process that reads it; so does a bad disk."""
    said = "OSError: [Errno 5] Input/output error"
    evidence = replace(
        COLLECTED, missing=(), error="ended with status 135", exit_status=135, stderr_tail=said
    )
    verdict = attribute(BugClass.STARTUP_ERROR, evidence)
    assert (verdict.mechanism, verdict.proven) == (Mechanism.SNAPSHOT_COLLECTED, False)
    there = replace(evidence, snapshot_found=True, upper_exists=True)
    assert mechanism(BugClass.STARTUP_ERROR, there) is not Mechanism.SNAPSHOT_COLLECTED


def missing(verdict: FileVerdict, kind: FileKind = FileKind.MODULE) -> tuple[MissingFact, ...]:
    return (MissingFact(kind, "csv", verdict, path_in_image="/lib/csv.py"),)


def test_the_image_tells_a_lost_module_from_one_that_it_never_had() -> None:
    """The text is the same, and so is the state of the snapshot."""
    ended = replace(COLLECTED, exit_status=1)
    lost = replace(ended, missing=missing(FileVerdict.LOST))
    absent = replace(ended, missing=missing(FileVerdict.ABSENT_FROM_IMAGE))
    verdicts = [attribute(BugClass.MISSING_PACKAGES, evidence) for evidence in (lost, absent)]
    assert [(v.bug_class, v.mechanism) for v in verdicts] == [
        (BugClass.MISSING_PACKAGES, Mechanism.SNAPSHOT_COLLECTED),
        (BugClass.STARTUP_ERROR, Mechanism.OWN_ERROR),
    ]
    assert "module csv: the image has it at /lib/csv.py, the container lost it" in verdicts[0].facts
    assert "module csv: the image never had it" in verdicts[1].facts


def test_what_the_oracle_leaves_open() -> None:
    ended = replace(INTACT, exit_status=1)
    for verdict in (FileVerdict.LOST, FileVerdict.LATE):
        # The snapshot is known, and yet the process missed a file of the image.
        evidence = replace(ended, missing=missing(verdict))
        assert mechanism(BugClass.MISSING_PACKAGES, evidence) is Mechanism.UNKNOWN
    # A file that is no module may have been written by the function, and gone with the snapshot.
    written = missing(FileVerdict.ABSENT_FROM_IMAGE, FileKind.FILE)
    collected = replace(COLLECTED, exit_status=1, missing=written)
    assert mechanism(BugClass.MISSING_PACKAGES, collected) is Mechanism.UNKNOWN
    intact = replace(ended, missing=written)
    assert mechanism(BugClass.MISSING_PACKAGES, intact) is Mechanism.OWN_ERROR


def test_an_invocation_that_missed_a_module() -> None:
    answer = "c did not answer an invocation (http_error): HTTP 500: ModuleNotFoundError: x"
    asked = replace(COLLECTED, step="invoke", error=answer)
    lost = replace(asked, missing=missing(FileVerdict.LOST))
    assert mechanism(BugClass.MISSING_PACKAGES, lost) is Mechanism.SNAPSHOT_COLLECTED
    absent = replace(asked, missing=missing(FileVerdict.ABSENT_FROM_IMAGE))
    verdict = attribute(BugClass.MISSING_PACKAGES, absent)
    assert (verdict.bug_class, verdict.mechanism) == (BugClass.INVOKE_FAILED, Mechanism.OWN_ERROR)
    # A process that answers no more has not said whose fault it is.
    silent = replace(INTACT, step="invoke", error="c did not answer an invocation (timeout): x")
    assert mechanism(BugClass.INVOKE_FAILED, silent) is Mechanism.UNKNOWN
