"""What the words about a cgroup mean, beside what the host shows of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from iluvatar_bench.bugs import BugClass, Evidence, Mechanism, attribute
from iluvatar_bench.bugs.attribute import Attribution
from iluvatar_bench.bugs.signals import SenderKind, SignalFact
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


def test_a_cgroup_below_one_with_processes_is_occupied() -> None:
    killed = (
        "Tasks.Kill of c in namespace 'n': unknown error after kill: runc did not terminate "
        "successfully: exit status 1: read /sys/fs/cgroup/iluvatar-bench/p/c/cgroup.procs: "
        "operation not supported\n: unknown"
    )
    made = f'{REFUSED}unable to apply cgroup configuration: cannot enter cgroupv2 "{CGROUP}" with '
    made += "domain controllers -- it is in an invalid state: unknown"
    for error, step, expected in (
        (killed, "kill", BugClass.REMOVAL_FAILED),
        (made, "task_create", BugClass.CREATE_REJECTED),
    ):
        verdict = verdict_on(replace(MEMORY, error=error, step=step))
        assert (verdict.bug_class, verdict.mechanism) == (expected, Mechanism.CGROUP_OCCUPIED)


PROGRAM = Evidence(
    container_id="c",
    step="create",
    cgroup=CGROUP,
    cgroup_shared=True,
    error=(
        f"{REFUSED}error setting cgroup config for procHooks process: failed to call "
        "BPF_PROG_DETACH (BPF_CGROUP_DEVICE) on old filter program: can't detach program: no such "
        "file or directory: unknown"
    ),
)


@pytest.mark.parametrize(
    ("before", "now", "members", "expected", "proven"),
    [
        # The kernel's number of it is the same: it was never removed, so the program was replaced.
        (71, 71, 3, Mechanism.CGROUP_OCCUPIED, True),
        (71, 71, 0, Mechanism.CGROUP_OCCUPIED, True),
        # It was removed, and perhaps made again; the program may have been replaced before that.
        (71, 95, 3, Mechanism.CGROUP_REMOVED, False),
        (71, None, None, Mechanism.CGROUP_REMOVED, False),
        # Nobody looked before, as in runs by earlier rules.
        (None, 95, 3, Mechanism.CGROUP_OCCUPIED, False),
        (None, 95, 0, Mechanism.CGROUP_REMOVED, False),
        (None, None, None, Mechanism.CGROUP_REMOVED, False),
    ],
)
def test_of_a_shared_cgroup_its_number_tells_whether_it_went_or_its_program_was_replaced(
    before: int | None, now: int | None, members: int | None, expected: Mechanism, proven: bool
) -> None:
    facts = replace(
        PROGRAM, cgroup_identity_before=before, cgroup_identity=now, cgroup_members=members
    )
    for error in (PROGRAM.error, PROGRAM.error.replace("DETACH", "ATTACH")):
        verdict = verdict_on(replace(facts, error=error))
        assert (verdict.bug_class, verdict.mechanism, verdict.proven) == (
            BugClass.CREATE_REJECTED,
            expected,
            proven,
        )


def test_nobody_replaces_the_program_of_a_cgroup_that_is_one_containers_alone() -> None:
    verdict = verdict_on(replace(PROGRAM, cgroup_shared=False, cgroup_identity=95))
    assert (verdict.mechanism, verdict.proven) == (Mechanism.CGROUP_REMOVED, True)


def test_a_unit_that_is_there_is_an_occupied_cgroup() -> None:
    unit = CGROUP.rpartition("/")[2]
    properties = '[{Name:Description Value:"libcontainer container c"}]'
    runc = (
        f'{REFUSED}unable to apply cgroup configuration: unable to start unit "{unit}" (properties '
        f"{properties}): Unit {unit} was already loaded or has a fragment file.: unknown"
    )
    crun = f"{REFUSED}sd-bus call: Unit {unit} not found.: No such file or directory: unknown"
    canceled = (
        f'{REFUSED}unable to apply cgroup configuration: unable to start unit "{unit}" (properties '
        f"{properties}): error creating systemd unit `{unit}`: got `canceled`: unknown"
    )
    for error, shared in ((runc, True), (runc, False), (crun, True), (canceled, True)):
        verdict = verdict_on(Evidence(error=error, cgroup=CGROUP, cgroup_shared=shared))
        assert (verdict.bug_class, verdict.mechanism) == (
            BugClass.CREATE_REJECTED,
            Mechanism.CGROUP_OCCUPIED,
        ), error
    # A unit that is one container's alone is not occupied when it is not found, or not made.
    for error in (crun, canceled):
        alone = Evidence(error=error, cgroup=CGROUP, cgroup_shared=False)
        assert verdict_on(alone).mechanism is not Mechanism.CGROUP_OCCUPIED


NOT_STARTED = Evidence(
    container_id="c",
    step="start",
    cgroup=CGROUP,
    cgroup_shared=True,
    exit_status=2,
    exited_at=100.0,
    snapshot_key="c",
    snapshot_found=True,
    error="Tasks.Start of c: cannot start a stopped process: unknown",
)
"""Made, and ended before it was started, by itself as it seems."""


def test_what_ended_before_it_was_started_ended_with_the_unit_that_it_shared() -> None:
    being_made = replace(
        NOT_STARTED,
        step="task_create",
        exit_status=None,
        exited_at=None,
        error=f"{REFUSED}error during container init: read init-p: connection reset by peer",
    )
    said = "error waiting for our first child to exit: signal: terminated: unknown"
    cut_short = replace(being_made, error=f"{REFUSED}{said}")
    for evidence in (NOT_STARTED, being_made, cut_short):
        verdict = verdict_on(evidence)
        assert (verdict.mechanism, verdict.proven) == (Mechanism.UNIT_STOPPED, False)
        assert f"others share the scope {CGROUP}" in verdict.facts[1]
        for changes in ({"cgroup_shared": False}, {"cgroup": "/shared"}):
            assert verdict_on(replace(evidence, **changes)).mechanism is Mechanism.UNKNOWN
    # The function's own error it never is: nothing of it had run.
    (own,) = [
        found
        for found in verdict_on(NOT_STARTED).considered
        if found.mechanism is Mechanism.OWN_ERROR
    ]
    assert "it ended before it was started" in own.objections[0]


def test_the_kernels_record_proves_who_stopped_the_unit_or_rules_it_out() -> None:
    by_systemd = SignalFact(
        at=99.9,
        signal=15,
        pid=70,
        delivered=True,
        container_id="c",
        sender_kind=SenderKind.PROCESS,
        sender_pid=1,
        sender_command="systemd",
    )
    seen = replace(NOT_STARTED, pid=70, signals=(by_systemd,), signals_lost=0)
    verdict = verdict_on(seen)
    assert (verdict.mechanism, verdict.proven) == (Mechanism.UNIT_STOPPED, True)
    assert "systemd 1 sent signal 15" in verdict.facts[0]
    assert verdict_on(replace(seen, signals=())).mechanism is Mechanism.UNKNOWN


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
