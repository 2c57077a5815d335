"""Cgroups that were paused or limited for one container in them: the evidence of the others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from iluvatar_bench.bugs import (
    BugClass,
    CgroupAction,
    CgroupFact,
    Evidence,
    KillFact,
    Mechanism,
    attribute,
    classify_text,
)

HERE = "/place/shared"

SILENT = Evidence(
    container_id="me",
    error="container me did not answer an invocation (timeout)",
    step="invoke",
    step_started_at=100.0,
    step_ended_at=130.0,
    cgroup=HERE,
    process_alive=True,
    shim_alive=True,
)


def change(
    action: CgroupAction, at: float, *, whose: str = "other", limit: int | None = None
) -> CgroupFact:
    return CgroupFact(whose, HERE, action, at, limit)


PAUSE, RESUME = CgroupAction.PAUSE, CgroupAction.RESUME


def test_a_frozen_cgroup_and_a_neighbours_pause() -> None:
    found = attribute(
        BugClass.FROZEN,
        replace(SILENT, cgroup_frozen=True, neighbour_changes=(change(PAUSE, 99.0),)),
    )
    assert (found.bug_class, found.mechanism) == (BugClass.FROZEN, Mechanism.NEIGHBOUR_PAUSED)
    assert found.proven
    assert "the cgroup /place/shared is frozen" in found.facts


REFUSED = (
    (
        "start",
        "Tasks.Start of me: OCI runtime start failed: cannot start a container in the paused state",
    ),
    ("task_create", "runc create failed: container's cgroup unexpectedly frozen: unknown"),
    ("delete", "cannot delete container me that is not stopped: paused: unknown"),
)


@pytest.mark.parametrize(("step", "error"), REFUSED)
def test_a_runtime_that_says_it_was_frozen_and_the_pause_that_lasted_into_the_step(
    step: str, error: str
) -> None:
    """As seen of 24 containers in one cgroup, each paused while it was kept: by the time of the
    evidence the cgroup had been thawed, and of the last the process had ended."""
    symptom = classify_text(error).bug_class
    refused = replace(SILENT, step=step, error=error, cgroup_frozen=False, exit_status=137)
    lasting = (change(PAUSE, 90.0), change(RESUME, 110.0))
    found = attribute(symptom, replace(refused, neighbour_changes=lasting))
    assert (found.bug_class, found.mechanism) == (BugClass.FROZEN, Mechanism.NEIGHBOUR_PAUSED)
    assert found.proven
    before, own = (change(PAUSE, 90.0), change(RESUME, 99.0)), (change(PAUSE, 95.0, whose="me"),)
    killed = KillFact("other", HERE, True, 9, 104.0, 105.0)
    for other in (
        replace(refused, neighbour_changes=before),
        replace(refused, neighbour_changes=lasting, own_changes=own),
        replace(refused, neighbour_changes=lasting, neighbour_kills=(killed,)),
    ):
        assert attribute(symptom, other).mechanism is not Mechanism.NEIGHBOUR_PAUSED


def test_a_frozen_cgroup_that_no_pause_of_ours_explains_is_frozen_by_nobody_known() -> None:
    for changes in ((), (change(PAUSE, 90.0), change(RESUME, 95.0))):
        found = attribute(
            BugClass.FROZEN, replace(SILENT, cgroup_frozen=True, neighbour_changes=changes)
        )
        assert (found.bug_class, found.mechanism) == (BugClass.FROZEN, Mechanism.UNKNOWN)


@pytest.mark.parametrize(
    ("changes", "kills", "mechanism"),
    [
        # Frozen for 20 of the 30 seconds.
        ((change(PAUSE, 95.0), change(RESUME, 120.0)), (), Mechanism.NEIGHBOUR_PAUSED),
        # For ten of them: something else kept it from answering.
        ((change(PAUSE, 95.0), change(RESUME, 110.0)), (), Mechanism.UNKNOWN),
        # Runc thaws the cgroup for the SIGKILL of another one.
        (
            (change(PAUSE, 95.0),),
            (KillFact("third", HERE, False, 9, 109.9, 110.0),),
            Mechanism.UNKNOWN,
        ),
    ],
)
def test_a_cgroup_that_has_thawed_since(
    changes: tuple[CgroupFact, ...], kills: tuple[KillFact, ...], mechanism: Mechanism
) -> None:
    found = attribute(
        BugClass.INVOKE_FAILED,
        replace(SILENT, cgroup_frozen=False, neighbour_changes=changes, neighbour_kills=kills),
    )
    assert found.mechanism is mechanism
    assert not found.proven
    assert (found.bug_class is BugClass.FROZEN) is (mechanism is Mechanism.NEIGHBOUR_PAUSED)


def test_a_process_that_has_ended_was_not_frozen() -> None:
    dead = replace(
        SILENT,
        cgroup_frozen=True,
        exit_status=1,
        exited_at=120.0,
        neighbour_changes=(change(PAUSE, 99.0),),
    )
    assert attribute(BugClass.INVOKE_FAILED, dead).mechanism is not Mechanism.NEIGHBOUR_PAUSED


def test_a_resume_that_is_refused_because_a_neighbour_was_resumed() -> None:
    refused = replace(
        SILENT,
        step="resume",
        error="Tasks.Resume of me: cannot resume a running process",
        own_changes=(change(PAUSE, 90.0, whose="me"),),
    )
    thawed = replace(refused, neighbour_changes=(change(RESUME, 95.0),))
    found = attribute(BugClass.UNCLASSIFIED, thawed)
    assert (found.bug_class, found.mechanism) == (BugClass.FROZEN, Mechanism.NEIGHBOUR_PAUSED)
    before = replace(refused, neighbour_changes=(change(RESUME, 85.0),))
    assert attribute(BugClass.UNCLASSIFIED, before).mechanism is Mechanism.UNKNOWN


@pytest.mark.parametrize(
    ("changes", "kills", "mechanism"),
    [
        ((change(RESUME, 130.0),), (), Mechanism.NEIGHBOUR_PAUSED),
        # A Kill that is under way thaws the cgroup before it is answered.
        ((), (KillFact("third", HERE, False, 9, 129.9, None),), Mechanism.NEIGHBOUR_PAUSED),
        # Before the pause was asked for.
        ((change(RESUME, 99.0),), (), Mechanism.UNKNOWN),
        ((), (KillFact("third", HERE, False, 9, 98.0, 99.0),), Mechanism.UNKNOWN),
    ],
)
def test_a_pause_that_a_neighbour_thawed_in_the_middle(
    changes: tuple[CgroupFact, ...], kills: tuple[KillFact, ...], mechanism: Mechanism
) -> None:
    text = "runc did not terminate successfully: unexpected state THAWED while freezing"
    undone = replace(
        SILENT,
        step="pause",
        error=f"Tasks.Pause of me: {text}",
        cgroup_frozen=False,
        neighbour_changes=changes,
        neighbour_kills=kills,
    )
    symptom = classify_text(undone.error).bug_class
    assert symptom is BugClass.FROZEN
    assert attribute(symptom, undone).mechanism is mechanism


def test_a_limit_that_a_neighbour_was_given() -> None:
    starved = Evidence(
        container_id="me",
        step="invoke",
        cgroup=HERE,
        exit_status=137,
        exited_at=120.0,
        oom_kills=1,
        cgroup_shared=True,
        memory_limit_bytes=96 << 20,
        memory_limit_made_bytes=512 << 20,
        neighbour_changes=(change(CgroupAction.UPDATE, 99.0, limit=96 << 20),),
    )
    found = attribute(BugClass.PROCESS_DIED, starved)
    assert found.bug_class is BugClass.RESOURCES_CHANGED
    assert found.mechanism is Mechanism.NEIGHBOUR_UPDATED
    assert "512 MiB" in " ".join(found.facts)
    # Its own limit, or a death that has nothing to do with memory: not the update.
    own = replace(starved, memory_limit_made_bytes=96 << 20)
    assert attribute(BugClass.PROCESS_DIED, own).mechanism is not Mechanism.NEIGHBOUR_UPDATED
    fed = replace(starved, oom_kills=0)
    assert attribute(BugClass.PROCESS_DIED, fed).mechanism is not Mechanism.NEIGHBOUR_UPDATED


def test_the_facts_survive_their_json_form() -> None:
    evidence = replace(
        SILENT,
        own_changes=(change(PAUSE, 90.0, whose="me"),),
        neighbour_changes=(change(CgroupAction.UPDATE, 99.0, limit=1),),
        cgroup_frozen=False,
        memory_limit_bytes=0,
    )
    assert Evidence.from_dict(evidence.as_dict()) == evidence
