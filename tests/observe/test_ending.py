"""What an end means that was seen from outside only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from iluvatar_bench.bugs import BugClass, Evidence, SenderKind, SignalFact
from iluvatar_bench.observe.ending import (
    Asked,
    TaskEnd,
    asked_by_witness,
    symptom_of,
    symptom_of_no_task,
)
from iluvatar_bench.observe.known_shims import with_known_shims
from iluvatar_bench.observe.life import KnownSnapshot, ObservedLife, ObservedTask
from iluvatar_bench.observe.observed_trial import observed_trial, of_no_task, of_task, worst
from iluvatar_bench.records import Outcome

PID, SHIM = 100, 90


def sent(kind: SenderKind = SenderKind.RUNTIME, **facts: Any) -> SignalFact:
    """A SIGKILL to the container's process."""
    given = {"signal": 9, "at": 10.0, "pid": PID, "delivered": True, "sender_pid": 7, **facts}
    return SignalFact(sender_kind=kind, **given)


def evidence(signals: Sequence[SignalFact] | None, *, status: int = 137, lost: int = 0) -> Evidence:
    return Evidence(
        container_id="own",
        pid=PID,
        exit_status=status,
        exited_at=10.01,
        signals=None if signals is None else tuple(signals),
        signals_lost=lost,
    )


@pytest.mark.parametrize(
    ("signals", "asked"),
    [
        ([sent(sender_container="own")], Asked.YES),
        ([sent(sender_container="neighbour")], Asked.NO),
        ([sent(SenderKind.KERNEL)], Asked.NO),
        ([sent(SenderKind.PROCESS)], Asked.NO),
        ([sent()], Asked.NOT_KNOWN),
        ([], Asked.NO),
        (None, None),
    ],
)
def test_who_asked_for_an_end_by_sigkill(
    signals: list[SignalFact] | None, asked: Asked | None
) -> None:
    assert asked_by_witness(evidence(signals)) is asked


def test_a_record_with_losses_says_nothing() -> None:
    assert asked_by_witness(evidence([sent(sender_container="own")], lost=1)) is None


def test_a_status_of_its_own_after_a_sigterm_was_asked_for() -> None:
    terminated = sent(signal=15, sender_container="own")
    assert asked_by_witness(evidence([terminated], status=1)) is Asked.YES
    assert asked_by_witness(evidence([], status=1)) is Asked.NO
    # SIGINT is not recorded: the witness's silence says nothing of it.
    assert asked_by_witness(evidence([], status=130)) is None


def test_a_shim_that_the_witness_could_not_ask_is_known_from_before() -> None:
    life, other = (ObservedLife("ns", name, 0.0, 0.0) for name in ("own", "neighbour"))
    life.task, other.task = ObservedTask(PID, 0.0), ObservedTask(PID + 1, 0.0)
    life.task.shim_pid, other.task.shim_pid = SHIM, SHIM + 1
    by_own, by_other, by_pod = with_known_shims(
        [
            sent(sender_parent_pid=SHIM),
            sent(sender_parent_pid=SHIM + 1),
            sent(sender_shim=SHIM, sender_container="sandbox"),
        ],
        life,
        [life, other],
    )
    assert by_own.sender_container == by_pod.sender_container == "own"
    assert by_other.sender_container == "neighbour"
    stranger = sent(SenderKind.PROCESS, sender_parent_pid=SHIM)
    assert with_known_shims([stranger], life, [life]) == (stranger,)


IMPORT_ERROR = "ModuleNotFoundError: No module named 'csv'"


@pytest.mark.parametrize(
    ("end", "said", "bug_class"),
    [
        (TaskEnd(exit_status=1), IMPORT_ERROR, BugClass.MISSING_PACKAGES),
        (TaskEnd(exit_status=3), "something of its own", BugClass.UNCLASSIFIED),
        (TaskEnd(exit_status=137, started=False), "", BugClass.SILENT_STARTUP),
        (TaskEnd(exit_status=137, output_seen=True, lived_seconds=1), "", BugClass.SILENT_STARTUP),
        (TaskEnd(exit_status=137, output_seen=True, lived_seconds=99), "", BugClass.PROCESS_DIED),
        (TaskEnd(exit_status=137, output_seen=True, lived_seconds=1), "up", BugClass.PROCESS_DIED),
        (TaskEnd(exit_status=137, output_seen=False, lived_seconds=1), "", BugClass.PROCESS_DIED),
        (TaskEnd(exit_status=139, lived_seconds=1), "", BugClass.PROCESS_DIED),
    ],
)
def test_the_class_of_an_end(end: TaskEnd, said: str, bug_class: BugClass) -> None:
    assert symptom_of(end, Evidence(stderr_tail=said)) is bug_class


def test_a_mount_error_is_that_of_the_container_whose_directory_it_names() -> None:
    line = "overlayfs: failed to resolve '/r/snapshots/16/work': -2"
    found = Evidence(kernel_log=(line,))
    named = symptom_of_no_task(found, "/r/snapshots/16")
    assert named is not None
    assert named[0] is BugClass.SNAPSHOT_OVERLAY
    assert line in named[1].error
    for other in ("/r/snapshots/1", "/r/snapshots/160", None):
        assert symptom_of_no_task(found, other) is None


def test_a_container_without_a_task() -> None:
    life = ObservedLife("ns", "own", 0.0, 0.0)
    nothing = Evidence()
    assert of_no_task(life, nothing, bundles_seen=True).outcome is Outcome.OK
    assert of_no_task(life, nothing, bundles_seen=False).outcome is Outcome.UNKNOWN
    life.task_asked_at = 1.0
    life.snapshot = KnownSnapshot("overlayfs", "own", "")
    others = Evidence(snapshot_found=False, kernel_log=("overlayfs: failed to resolve '/x': -2",))
    for found, bug_class in (
        (Evidence(snapshot_found=True, kernel_log=()), BugClass.CREATE_REJECTED),
        (Evidence(snapshot_found=False, kernel_log=()), BugClass.CREATE_REJECTED),
        (others, BugClass.UNCLASSIFIED),
        (nothing, BugClass.UNCLASSIFIED),
    ):
        asked = of_no_task(life, found, bundles_seen=True)
        assert (asked.outcome, asked.symptom) == (Outcome.FAILED, bug_class)
    life.gaps.append("away")
    assert of_no_task(life, nothing, bundles_seen=True).outcome is Outcome.UNKNOWN


def test_the_failed_task_of_several_is_the_containers_outcome() -> None:
    life = ObservedLife("ns", "own", 0.0, 0.0)
    failed = of_task(TaskEnd(exit_status=137, asked=Asked.NO))
    ended = [
        of_task(TaskEnd(exit_status=0)),
        of_task(TaskEnd(exit_status=None)),
        failed,
        of_task(TaskEnd(exit_status=137, asked=Asked.YES)),
    ]
    assert [one.outcome for one in ended] == ["ok", "unknown", "failed", "ok"]
    assert worst(ended) is failed
    trial = observed_trial(life, worst(ended), run_id="r", number=0, witnessed=False)
    assert (trial.bug_class, trial.mechanism) == ("process_died", "unknown")
    assert trial.evidence["observed"]["witness"] is False
