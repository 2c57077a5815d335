"""What the words about a cgroup mean, beside what the host shows of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from iluvatar_bench.bugs import BugClass, Evidence, Mechanism, attribute
from iluvatar_bench.bugs.attribute import Attribution
from iluvatar_bench.bugs.symptom import error_symptom

CGROUP = "/iluvatar_bench.slice/iluvatar_bench-1f2e3d4c.slice/iluvatar_bench-c.scope"
REFUSED = (
    "Tasks.Create of c: failed to create shim task: OCI runtime create failed: runc create failed: "
    "unable to start container process: "
)
MEMORY = Evidence(
    container_id="c",
    step="task_create",
    cgroup="/iluvatar-bench/1f2e3d4c/c",
    error=f"{REFUSED}error setting cgroup config for procHooks process: openat2 "
    "/sys/fs/cgroup/iluvatar-bench/1f2e3d4c/c/memory.max: no such file or directory: unknown",
)


def verdict_on(evidence: Evidence) -> Attribution:
    """As a run judges it: the class by the text, the mechanism by the facts."""
    return attribute(error_symptom(evidence.error), evidence)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("cpuset", "cpu", "io", "pids"), (BugClass.CGROUP_SETUP, Mechanism.CONTROLLER_MISSING)),
        ((), (BugClass.CGROUP_SETUP, Mechanism.CONTROLLER_MISSING)),
        # The controller is there: what is not is the cgroup.
        (("cpu", "memory"), (BugClass.CREATE_REJECTED, Mechanism.CGROUP_REMOVED)),
        # Version 1, or a run of before it was looked at.
        (None, (BugClass.CREATE_REJECTED, Mechanism.CGROUP_REMOVED)),
    ],
)
def test_a_file_of_a_controller_is_missing_with_it_or_with_the_cgroup(
    given: tuple[str, ...] | None, expected: tuple[BugClass, Mechanism]
) -> None:
    verdict = verdict_on(replace(MEMORY, controllers_above=given))
    assert (verdict.bug_class, verdict.mechanism) == expected


def test_files_that_every_cgroup_has_do_not_speak_of_controllers() -> None:
    error = MEMORY.error.replace("memory.max", "cgroup.procs")
    verdict = verdict_on(replace(MEMORY, error=error, controllers_above=()))
    assert verdict.mechanism is Mechanism.CGROUP_REMOVED


def test_crun_names_the_controller_itself() -> None:
    for said in (
        "the requested cgroup controller `memory` is not available",
        "controller `memory` is not available under /sys/fs/cgroup/x/cgroup.controllers",
    ):
        error = f"Tasks.Create of c: failed to create shim task: OCI runtime create failed: {said}"
        assert verdict_on(replace(MEMORY, error=error)).mechanism is Mechanism.CONTROLLER_MISSING


def test_a_program_cannot_be_attached_to_a_cgroup_that_is_gone() -> None:
    error = (
        f"{REFUSED}error setting cgroup config for procHooks process: failed to call "
        "BPF_PROG_ATTACH (BPF_CGROUP_DEVICE, BPF_F_ALLOW_MULTI): can't attach program: no such "
        "file or directory: unknown"
    )
    verdict = verdict_on(replace(MEMORY, error=error, controllers_above=("memory",)))
    assert (verdict.bug_class, verdict.mechanism) == (
        BugClass.CREATE_REJECTED,
        Mechanism.CGROUP_REMOVED,
    )


def test_a_unit_that_is_there_is_an_occupied_cgroup() -> None:
    unit = CGROUP.rpartition("/")[2]
    properties = '[{Name:Description Value:"libcontainer container c"}]'
    runc = (
        f'{REFUSED}unable to apply cgroup configuration: unable to start unit "{unit}" (properties '
        f"{properties}): Unit {unit} was already loaded or has a fragment file.: unknown"
    )
    crun = f"{REFUSED}sd-bus call: Unit {unit} not found.: No such file or directory: unknown"
    for error, shared in ((runc, True), (runc, False), (crun, True)):
        verdict = verdict_on(Evidence(error=error, cgroup=CGROUP, cgroup_shared=shared))
        assert (verdict.bug_class, verdict.mechanism) == (
            BugClass.CREATE_REJECTED,
            Mechanism.CGROUP_OCCUPIED,
        ), error
    # A unit that is one container's alone is not occupied when it is not found.
    alone = Evidence(error=crun, cgroup=CGROUP, cgroup_shared=False)
    assert verdict_on(alone).mechanism is not Mechanism.CGROUP_OCCUPIED


OUTSIDE = Evidence(
    container_id="c",
    step="kill",
    cgroup=CGROUP,
    cgroup_joined=False,
    cgroup_of_process="/system.slice/worker.service",
    error=f"Tasks.Kill of c: unable to signal all: open /sys/fs/cgroup{CGROUP}/cgroup.events: no "
    "such device: unknown",
)


def test_what_was_never_in_its_cgroup_cannot_be_ended_by_it() -> None:
    verdict = verdict_on(OUTSIDE)
    assert (verdict.bug_class, verdict.mechanism) == (
        BugClass.REMOVAL_FAILED,
        Mechanism.CGROUP_NOT_JOINED,
    )
    assert verdict.proven
    assert "/system.slice/worker.service" in verdict.facts[0]
    late = replace(OUTSIDE, step="delete", error="container c did not end within 10 s of its Kill")
    verdict = attribute(BugClass.DEADLINE, late)
    assert (verdict.bug_class, verdict.mechanism) == (
        BugClass.DEADLINE,
        Mechanism.CGROUP_NOT_JOINED,
    )


def test_other_failures_of_such_a_container_have_other_causes() -> None:
    slow = replace(OUTSIDE, step="start", error="Tasks.Start of c: context deadline exceeded")
    assert attribute(BugClass.DEADLINE, slow).mechanism is Mechanism.UNKNOWN
    inside = replace(OUTSIDE, cgroup_joined=True)
    assert verdict_on(inside).mechanism is Mechanism.CGROUP_REMOVED
    nobody_looked = replace(OUTSIDE, cgroup_joined=None)
    assert verdict_on(nobody_looked).mechanism is Mechanism.CGROUP_REMOVED
