"""From evidence to mechanism: each rule, its limits, and no exception on any evidence."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from iluvatar_bench.bugs import BugClass, Evidence, KillFact, Mechanism, attribute
from iluvatar_bench.bugs.symptom import start_symptom, startup_symptom

COLLECTED = Evidence(
    container_id="c",
    snapshot_key="c",
    snapshot_found=False,
    snapshot_removed_by_us=False,
    upper_directory="/snapshots/7/fs",
    upper_exists=False,
)
INTACT = replace(COLLECTED, snapshot_found=True, upper_exists=True)


def neighbour_kill(started_at: float, **changes: object) -> KillFact:
    kill = KillFact("other", "/shared", True, 9, started_at, started_at + 0.01)
    return replace(kill, **changes)


KILLED = replace(
    INTACT,
    exit_status=137,
    exited_at=100.0,
    step="alive",
    neighbour_kills=(neighbour_kill(99.995),),
)


def mechanism(symptom: BugClass, evidence: Evidence) -> Mechanism:
    return attribute(symptom, evidence).mechanism


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


def test_contradictory_facts_about_the_snapshot_give_unknown() -> None:
    contradiction = replace(COLLECTED, snapshot_found=True, exit_status=1)
    assert mechanism(BugClass.MISSING_PACKAGES, contradiction) is Mechanism.UNKNOWN


def test_a_missing_module_on_an_intact_snapshot_is_the_functions_own_error() -> None:
    verdict = attribute(BugClass.MISSING_PACKAGES, replace(INTACT, exit_status=1))
    assert verdict.bug_class is BugClass.STARTUP_ERROR
    assert verdict.mechanism is Mechanism.OWN_ERROR


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
    elsewhere = replace(made, neighbour_kills=(neighbour_kill(99.0),))
    assert mechanism(BugClass.CREATE_REJECTED, elsewhere) is Mechanism.SNAPSHOT_COLLECTED
    other_error = replace(made, error="runc create failed: exec format error")
    assert mechanism(BugClass.CREATE_REJECTED, other_error) is Mechanism.SNAPSHOT_COLLECTED


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
        "mkdir /x: no space left on device": Mechanism.DISK_FULL,
        "failed to connect veth to bridge: exchange full": Mechanism.BRIDGE_FULL,
        "no IP addresses available in range set: 10.1.0.1-10.1.0.6": Mechanism.IPAM_EXHAUSTED,
    }.items():
        evidence = replace(INTACT, error=text)
        assert mechanism(BugClass.CREATE_REJECTED, evidence) is expected


def test_a_function_that_ends_by_itself() -> None:
    for status in (0, 3):
        evidence = replace(INTACT, exit_status=status, exited_at=100.0)
        assert mechanism(BugClass.PROCESS_DIED, evidence) is Mechanism.OWN_ERROR
    unknown_root = replace(INTACT, snapshot_found=None, exit_status=3)
    assert mechanism(BugClass.PROCESS_DIED, unknown_root) is Mechanism.UNKNOWN


maybe_bool = st.none() | st.booleans()
maybe_time = st.none() | st.floats(allow_nan=False)
kill_facts = st.builds(
    KillFact,
    container_id=st.text(max_size=3),
    cgroup=st.just("/shared"),
    all_processes=st.booleans(),
    signal=st.integers(0, 64),
    started_at=st.floats(allow_nan=False),
    ended_at=maybe_time,
)
any_evidence = st.builds(
    Evidence,
    error=st.text(max_size=30),
    step=st.none() | st.sampled_from(["create", "start", "alive"]),
    step_started_at=maybe_time,
    step_ended_at=maybe_time,
    snapshot_key=st.none() | st.text(max_size=3),
    snapshot_found=maybe_bool,
    snapshot_removed_by_us=maybe_bool,
    upper_exists=maybe_bool,
    exit_status=st.none() | st.integers(0, 255),
    exited_at=maybe_time,
    oom_kills=st.none() | st.integers(-3, 3),
    shim_alive=maybe_bool,
    own_kills=st.lists(kill_facts, max_size=2).map(tuple),
    neighbour_kills=st.lists(kill_facts, max_size=3).map(tuple),
)


@given(symptom=st.sampled_from(BugClass), evidence=any_evidence)
def test_any_evidence_gets_a_verdict(symptom: BugClass, evidence: Evidence) -> None:
    verdict = attribute(symptom, evidence)
    assert verdict == attribute(symptom, evidence)
    # A named mechanism rests on at least one fact.
    assert verdict.mechanism is Mechanism.UNKNOWN or verdict.facts


@given(symptom=st.sampled_from(BugClass), error=st.text(max_size=30))
def test_without_facts_the_mechanism_is_unknown(symptom: BugClass, error: str) -> None:
    assert mechanism(symptom, Evidence()) is Mechanism.UNKNOWN


def test_symptoms_of_a_start() -> None:
    traceback = (
        'Traceback (most recent call last):\n  File "/app/server.py", line 2\n'
        "ModuleNotFoundError: No module named 'csv'\n"
    )
    assert startup_symptom(stdout="", stderr=traceback, exit_status=1) is BugClass.MISSING_PACKAGES
    assert startup_symptom(stdout="", stderr="", exit_status=137) is BugClass.SILENT_STARTUP
    assert startup_symptom(stdout="", stderr="", exit_status=None) is BugClass.SILENT_STARTUP
    assert startup_symptom(stdout="", stderr="bad port\n", exit_status=2) is BugClass.STARTUP_ERROR
    # Killed in mid-sentence: what it said is no explanation.
    assert (
        startup_symptom(stdout=" * Serving Flask app\n", stderr="", exit_status=137)
        is BugClass.SILENT_STARTUP
    )
    running = "OCI runtime start failed: cannot start an already running container: unknown"
    assert start_symptom(running, exit_status=137) is BugClass.SILENT_STARTUP
    assert start_symptom(running, exit_status=None) is BugClass.UNCLASSIFIED
