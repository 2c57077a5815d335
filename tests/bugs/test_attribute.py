"""From evidence to mechanism: each rule, its limits, and no exception on any evidence."""

from __future__ import annotations

from dataclasses import replace

from iluvatar_bench.bugs import (
    BugClass,
    CgroupAction,
    CgroupFact,
    DaemonFact,
    KillFact,
    Mechanism,
    Target,
    attribute,
)
from iluvatar_bench.bugs.symptom import start_symptom, startup_symptom
from tests.bugs.plain_evidence import COLLECTED, INTACT, KILLED, mechanism, neighbour_kill


def test_a_neighbours_kill_at_the_moment_of_the_exit() -> None:
    for symptom in (BugClass.PROCESS_DIED, BugClass.SILENT_STARTUP):
        verdict = attribute(symptom, KILLED)
        assert (verdict.bug_class, verdict.mechanism) == (symptom, Mechanism.COLLATERAL_KILL)
        assert "Kill(all) of other" in verdict.facts[0]


def test_what_acquits_the_neighbour() -> None:
    acquittals = {
        "too early": replace(KILLED, neighbour_kills=(neighbour_kill(90.0),)),
        "too late": replace(KILLED, neighbour_kills=(neighbour_kill(100.2),)),
        "only its init": replace(
            KILLED, neighbour_kills=(neighbour_kill(99.995, all_processes=False),)
        ),
        "another signal": replace(KILLED, exit_status=143),
        "our own kill came first": replace(KILLED, own_kills=(neighbour_kill(99.9),)),
    }
    for reason, evidence in acquittals.items():
        assert mechanism(BugClass.PROCESS_DIED, evidence) is Mechanism.UNKNOWN, reason


def test_a_container_hit_while_it_was_made() -> None:
    """No exit to look at: the step must overlap the Kill, and the error must say so."""
    made = replace(
        COLLECTED,
        step="task_create",
        step_started_at=99.9,
        step_ended_at=100.1,
        error="runc create failed: error during container init: %!w(<nil>): unknown",
        neighbour_kills=(neighbour_kill(100.0),),
    )
    assert mechanism(BugClass.CREATE_REJECTED, made) is Mechanism.COLLATERAL_KILL
    # The init was gone, and the cgroup still frozen by the Kill, when runc looked.
    gone = replace(
        made, error="error updating spec state: invalid state transition from stopped to paused"
    )
    assert mechanism(BugClass.CREATE_REJECTED, gone) is Mechanism.COLLATERAL_KILL
    elsewhere = replace(made, neighbour_kills=(neighbour_kill(99.0),))
    assert mechanism(BugClass.CREATE_REJECTED, elsewhere) is Mechanism.UNKNOWN
    other_error = replace(made, error="runc create failed: exec format error")
    assert mechanism(BugClass.CREATE_REJECTED, other_error) is Mechanism.UNKNOWN


def test_oom_needs_the_counter_and_no_other_suspect() -> None:
    evidence = replace(KILLED, neighbour_kills=(), oom_kills=1)
    verdict = attribute(BugClass.PROCESS_DIED, evidence)
    assert (verdict.bug_class, verdict.mechanism) == (BugClass.OOM_KILLED, Mechanism.OOM)
    both = replace(KILLED, oom_kills=1)
    assert mechanism(BugClass.PROCESS_DIED, both) is Mechanism.UNKNOWN


def test_a_lost_shim() -> None:
    evidence = replace(KILLED, neighbour_kills=(), shim_alive=False)
    verdict = attribute(BugClass.PROCESS_DIED, evidence)
    assert (verdict.bug_class, verdict.mechanism) == (BugClass.SHIM_LOST, Mechanism.SHIM_DEATH)


def test_mechanisms_that_the_error_names() -> None:
    for text, expected in {
        "container's cgroup is not empty: 2 process(es) found": Mechanism.CGROUP_OCCUPIED,
        'failed to write "a *:* rwm": write /sys/fs/cgroup/devices/iluvatar-bench/1ca978dc/pair-1'
        "/devices.deny: invalid argument": Mechanism.CGROUP_OCCUPIED,
        "failed to write 13649: write /sys/fs/cgroup/freezer/iluvatar-bench/34c5eeb9/shared/"
        "cgroup.procs: no such device": Mechanism.CGROUP_REMOVED,
        "/sys/fs/cgroup/cpuset/x/cpuset.mems: no such file or directory": Mechanism.CGROUP_REMOVED,
        "mkdir /x: no space left on device": Mechanism.DISK_FULL,
        "failed to connect veth to bridge: exchange full": Mechanism.BRIDGE_FULL,
        "no IP addresses available in range set: 10.1.0.1-10.1.0.6": Mechanism.IPAM_EXHAUSTED,
        "Snapshots.Prepare of hello: lease does not exist: not found": Mechanism.LEASE_GONE,
    }.items():
        evidence = replace(INTACT, error=text)
        assert mechanism(BugClass.CREATE_REJECTED, evidence) is expected


def test_a_start_is_silent_where_what_is_said_finds_no_room() -> None:
    silent = BugClass.SILENT_STARTUP
    full = replace(INTACT, output_free_bytes=0)
    verdict = attribute(silent, full)
    assert (verdict.bug_class, verdict.mechanism) == (silent, Mechanism.DISK_FULL)
    assert mechanism(silent, replace(full, output_free_bytes=10**9)) is Mechanism.UNKNOWN
    assert mechanism(silent, replace(full, output_free_bytes=None)) is Mechanism.UNKNOWN
    assert mechanism(BugClass.INVOKE_FAILED, full) is Mechanism.UNKNOWN


def test_a_function_that_ends_by_itself() -> None:
    for status in (0, 3):
        evidence = replace(INTACT, exit_status=status, exited_at=100.0)
        assert mechanism(BugClass.PROCESS_DIED, evidence) is Mechanism.OWN_ERROR
    unknown_root = replace(INTACT, snapshot_found=None, exit_status=3)
    assert mechanism(BugClass.PROCESS_DIED, unknown_root) is Mechanism.UNKNOWN


def test_our_own_kill_is_told_from_a_neighbours() -> None:
    ours = replace(KILLED, neighbour_kills=(), own_kills=(neighbour_kill(99.995),))
    verdict = attribute(BugClass.PROCESS_DIED, ours)
    assert (verdict.bug_class, verdict.mechanism) == (BugClass.PROCESS_DIED, Mechanism.OWN_KILL)
    assert "own Tasks.Kill (signal 9)" in verdict.facts[0]
    outside = replace(ours, pid=7, own_kills=(neighbour_kill(99.995, pid=7),))
    assert "from outside to process 7" in attribute(BugClass.PROCESS_DIED, outside).facts[0]


def test_what_acquits_us() -> None:
    ours = replace(KILLED, neighbour_kills=(), own_kills=(neighbour_kill(99.995),))
    for reason, evidence in {
        "long before": replace(ours, own_kills=(neighbour_kill(90.0),)),
        "after it": replace(ours, own_kills=(neighbour_kill(100.2),)),
        "another signal": replace(ours, own_kills=(neighbour_kill(99.995, signal=15),)),
        "to another process": replace(ours, pid=8, own_kills=(neighbour_kill(99.995, pid=7),)),
        "to the shim": replace(ours, own_kills=(neighbour_kill(99.995, target=Target.SHIM),)),
        "a neighbour's fits alike": replace(KILLED, own_kills=(neighbour_kill(99.99),)),
    }.items():
        assert mechanism(BugClass.PROCESS_DIED, evidence) is Mechanism.UNKNOWN, reason


def test_an_end_of_its_own_after_a_signal_of_ours_is_not_its_own_error() -> None:
    ended = replace(INTACT, exit_status=0, exited_at=100.0)
    assert mechanism(BugClass.PROCESS_DIED, ended) is Mechanism.OWN_ERROR
    signalled = replace(ended, own_kills=(neighbour_kill(99.99, signal=15),))
    assert mechanism(BugClass.PROCESS_DIED, signalled) is Mechanism.UNKNOWN


def test_who_ended_the_shim() -> None:
    gone = replace(INTACT, shim_alive=False, shim_pid=5)
    by_others = attribute(BugClass.SHIM_LOST, gone)
    assert by_others.facts == ("the container's shim 5 is gone, and this client ended none",)
    ours = replace(gone, own_kills=(neighbour_kill(99.9, pid=5, target=Target.SHIM),))
    by_us = attribute(BugClass.SHIM_LOST, ours)
    assert by_us.mechanism is Mechanism.SHIM_DEATH
    assert by_us.facts[1] == "this client itself sent it signal 9"
    assert mechanism(BugClass.SHIM_LOST, replace(gone, shim_alive=True)) is Mechanism.UNKNOWN
    assert mechanism(BugClass.SHIM_LOST, replace(gone, shim_alive=None)) is Mechanism.UNKNOWN


def test_a_daemon_that_is_another_one_now_or_gone() -> None:
    before = DaemonFact(7, 10.0)
    restarted = replace(INTACT, daemon_before=before, daemon_now=DaemonFact(9, 50.0))
    verdict = attribute(BugClass.DAEMON_UNAVAILABLE, restarted)
    assert verdict.mechanism is Mechanism.DAEMON_RESTART
    assert "was process 7" in verdict.facts[0]
    assert "is process 9" in verdict.facts[0]
    # A number that the kernel has given out again is another process all the same.
    again = replace(restarted, daemon_now=DaemonFact(7, 50.0))
    assert mechanism(BugClass.DAEMON_UNAVAILABLE, again) is Mechanism.DAEMON_RESTART
    gone = replace(INTACT, daemon_before=before, daemon_reachable=False)
    assert mechanism(BugClass.DAEMON_UNAVAILABLE, gone) is Mechanism.DAEMON_RESTART
    same = replace(restarted, daemon_now=before, daemon_reachable=True)
    assert mechanism(BugClass.DAEMON_UNAVAILABLE, same) is Mechanism.UNKNOWN
    # It does not kill containers: a death has another cause.
    assert mechanism(BugClass.PROCESS_DIED, restarted) is Mechanism.UNKNOWN


def test_the_kernels_own_words_count_for_the_process_that_they_name() -> None:
    line = "oom-kill:constraint=CONSTRAINT_MEMCG,task_memcg=/a/b,task=python3,pid=70,uid=0"
    killed = replace(KILLED, neighbour_kills=(), kernel_log=(line,), cgroup="/a/b")
    assert mechanism(BugClass.PROCESS_DIED, killed) is Mechanism.OOM
    by_number = replace(killed, cgroup="/other", pid=70)
    assert mechanism(BugClass.PROCESS_DIED, by_number) is Mechanism.OOM
    for evidence in (replace(killed, cgroup="/a/bc"), replace(killed, cgroup=None, pid=7)):
        assert mechanism(BugClass.PROCESS_DIED, evidence) is Mechanism.UNKNOWN


def test_what_was_considered_and_why_it_was_not_enough() -> None:
    both = replace(KILLED, oom_kills=1)
    verdict = attribute(BugClass.PROCESS_DIED, both)
    assert verdict.mechanism is Mechanism.UNKNOWN
    objections = {found.mechanism: found.objections for found in verdict.considered}
    assert objections[Mechanism.OOM] == ("a neighbour's Kill(all) fell into the same moment",)
    assert objections[Mechanism.COLLATERAL_KILL] == (
        "the cgroup's oom_kill counter rose by 1 as well",
    )


def test_symptoms_of_a_start() -> None:
    traceback = (
        'Traceback (most recent call last):\n  File "/app/server.py", line 2\n'
        "ModuleNotFoundError: No module named 'csv'\n"
    )
    assert startup_symptom(stdout="", stderr=traceback, exit_status=1) is BugClass.MISSING_PACKAGES
    assert startup_symptom(stdout="", stderr="", exit_status=137) is BugClass.SILENT_STARTUP
    assert startup_symptom(stdout="", stderr="", exit_status=None) is BugClass.SILENT_STARTUP
    for killed in (137, 143):
        begun = "".join(traceback.splitlines(keepends=True)[:-1])
        assert startup_symptom(stdout="", stderr=begun, exit_status=killed) is (
            BugClass.SILENT_STARTUP
        ), "it was ended before it had said why"
        assert startup_symptom(stdout="", stderr=traceback, exit_status=killed) is (
            BugClass.MISSING_PACKAGES
        )
    assert startup_symptom(stdout="", stderr="bad port\n", exit_status=2) is BugClass.STARTUP_ERROR
    # Killed in mid-sentence: what it said is no explanation.
    assert (
        startup_symptom(stdout=" * Serving Flask app\n", stderr="", exit_status=137)
        is BugClass.SILENT_STARTUP
    )
    running = "OCI runtime start failed: cannot start an already running container: unknown"
    assert start_symptom(running, exit_status=137) is BugClass.SILENT_STARTUP
    assert start_symptom(running, exit_status=None) is BugClass.UNCLASSIFIED


def test_a_task_that_the_restart_monitor_took_before_it_was_started() -> None:
    taken = replace(INTACT, step="start", exit_status=137, exited_at=100.0)
    assert mechanism(BugClass.SILENT_STARTUP, taken) is Mechanism.UNKNOWN
    labelled = replace(taken, restart_status="running")
    found = attribute(BugClass.SILENT_STARTUP, labelled)
    assert (found.mechanism, found.proven) == (Mechanism.RESTART_RACE, False)
    # Once it runs, the monitor leaves it alone; and a Kill of ours is one.
    assert mechanism(BugClass.PROCESS_DIED, replace(labelled, step="alive")) is Mechanism.UNKNOWN
    own = KillFact("c", "/own", False, 9, 99.99, 100.0)
    killed = replace(labelled, own_kills=(own,))
    assert mechanism(BugClass.SILENT_STARTUP, killed) is not Mechanism.RESTART_RACE
    there = replace(
        INTACT, step="task_create", restart_status="running", error="task c: already exists"
    )
    assert mechanism(BugClass.UNCLASSIFIED, there) is Mechanism.RESTART_RACE
    folder = replace(
        there,
        container_id="c",
        error="failed to start shim: mkdir /run/s/io.containerd.runtime.v2.task/n/c: file exists",
    )
    assert mechanism(BugClass.SHIM_LOST, folder) is Mechanism.RESTART_RACE
    other = replace(folder, container_id="d")
    assert mechanism(BugClass.SHIM_LOST, other) is not Mechanism.RESTART_RACE
    unasked = replace(folder, restart_status=None)
    assert mechanism(BugClass.SHIM_LOST, unasked) is not Mechanism.RESTART_RACE


def test_a_task_that_the_restart_monitor_took_while_it_was_paused() -> None:
    paused = CgroupFact("c", "/own", CgroupAction.PAUSE, 98.0)
    taken = replace(
        INTACT,
        step="alive",
        exit_status=137,
        exited_at=100.0,
        restart_status="running",
        own_changes=(paused,),
    )
    assert mechanism(BugClass.PROCESS_DIED, taken) is Mechanism.RESTART_RACE
    assert (
        mechanism(BugClass.PROCESS_DIED, replace(taken, restart_status=None)) is Mechanism.UNKNOWN
    )
    resumed = replace(
        taken, own_changes=(paused, replace(paused, action=CgroupAction.RESUME, at=99.0))
    )
    assert mechanism(BugClass.PROCESS_DIED, resumed) is Mechanism.UNKNOWN


WAITING = replace(
    INTACT,
    step="start",
    step_started_at=100.0,
    step_ended_at=120.0,
    process_alive=True,
    processor_ran_seconds=0.18,
    processor_waited_seconds=14.0,
    throttled_seconds=0.0,
)
"""A start of 20 s that said nothing."""


def test_a_silent_start_without_a_processor_is_told_from_one_that_had_it() -> None:
    silent = BugClass.SILENT_STARTUP
    verdict = attribute(silent, WAITING)
    assert (verdict.bug_class, verdict.mechanism) == (silent, Mechanism.CPU_STARVED)
    assert not verdict.proven, "who turns in a loop waits as well"
    assert verdict.facts == (
        "of the 20.0 s of the step the process was ready to run and had no processor for 14.0 s, "
        "and had run for 0.18 s",
    )
    for other in (
        replace(WAITING, processor_waited_seconds=9.9),
        replace(WAITING, processor_waited_seconds=None),
        replace(WAITING, process_alive=False),
        replace(WAITING, step_started_at=None),
    ):
        assert mechanism(silent, other) is Mechanism.UNKNOWN
    assert mechanism(BugClass.PROCESS_DIED, WAITING) is Mechanism.UNKNOWN
    slept = attribute(silent, replace(WAITING, processor_waited_seconds=0.1))
    assert Mechanism.CPU_STARVED in {found.mechanism for found in slept.ruled_out}


def test_the_limit_of_its_own_cgroup_is_told_from_others_that_have_the_processors() -> None:
    silent = BugClass.SILENT_STARTUP
    limited = replace(WAITING, throttled_seconds=13.5)
    assert mechanism(silent, limited) is Mechanism.CPU_THROTTLED
    assert mechanism(silent, replace(WAITING, throttled_seconds=2.0)) is Mechanism.CPU_STARVED
    assert mechanism(silent, replace(WAITING, throttled_seconds=None)) is Mechanism.CPU_STARVED
