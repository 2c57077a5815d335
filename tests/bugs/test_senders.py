"""With the kernel's record: who sent the signal that ended a container, whatever fell together."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from iluvatar_bench.bugs import (
    BugClass,
    Evidence,
    KillFact,
    Mechanism,
    SenderKind,
    SignalFact,
    Target,
    VictimFact,
    attribute,
)

DIED = BugClass.PROCESS_DIED

SENT = SignalFact(
    signal=9,
    at=99.99,
    pid=70,
    delivered=True,
    sender_kind=SenderKind.PROCESS,
    sender_pid=500,
    sender_command="kill",
    sender_uid=1000,
    sender_cgroup="/user.slice",
    container_id="c",
)
NEIGHBOUR = replace(
    SENT,
    sender_kind=SenderKind.RUNTIME,
    sender_command="runc",
    sender_container="other",
    sender_shim=60,
)
OWN_RUNTIME = replace(NEIGHBOUR, sender_container="c")

SEEN = Evidence(
    container_id="c",
    step="alive",
    step_started_at=95.0,
    step_ended_at=100.1,
    exit_status=137,
    exited_at=100.0,
    cgroup="/shared",
    cgroup_shared=True,
    client_pid=1,
    pid=70,
    shim_pid=71,
    shim_alive=True,
    snapshot_found=True,
    snapshot_removed_by_us=False,
    signals=(),
    signals_lost=0,
    oom_victims=(),
    # Kills of neighbours without a pause: with the record they say nothing.
    neighbour_kills=(KillFact("other", "/shared", True, 9, 80.0, 100.2),),
    kills_known_since=80.0,
)


def seen(*signals: SignalFact, **changes: object) -> Evidence:
    return replace(SEEN, signals=signals, **changes)


def mechanism(evidence: Evidence, symptom: BugClass = DIED) -> Mechanism:
    return attribute(symptom, evidence).mechanism


def test_the_sender_decides() -> None:
    for fact, expected in {
        SENT: Mechanism.FOREIGN_KILL,
        NEIGHBOUR: Mechanism.COLLATERAL_KILL,
        replace(SENT, sender_pid=1): Mechanism.OWN_KILL,
        replace(SENT, sender_container="c"): Mechanism.OWN_ERROR,
        # A program in another container is a stranger, and no runtime's doing.
        replace(SENT, sender_container="other"): Mechanism.FOREIGN_KILL,
        # Another client asked containerd.
        OWN_RUNTIME: Mechanism.FOREIGN_KILL,
        replace(NEIGHBOUR, sender_container=None): Mechanism.UNKNOWN,
        replace(SENT, sender_kind=SenderKind.KERNEL): Mechanism.UNKNOWN,
    }.items():
        verdict = attribute(DIED, seen(fact))
        assert verdict.mechanism is expected, fact
        assert verdict.proven == (expected is not Mechanism.UNKNOWN)


def test_the_words_name_sender_shim_and_container() -> None:
    (neighbour, ours) = attribute(DIED, seen(NEIGHBOUR)).facts
    assert "runc 500, run by shim 60 of container other, sent signal 9 to process 70" in neighbour
    assert "10 ms before this exit with status 137" in neighbour
    assert "this client's Kill(all) of other in the same cgroup /shared had begun" in ours
    (stranger,) = attribute(DIED, seen(SENT)).facts
    assert "kill 500 (uid 1000, cgroup /user.slice) sent signal 9" in stranger
    gone = replace(SENT, sender_parent_pid=499, sender_parent_command="bash")
    (stranger,) = attribute(DIED, seen(gone)).facts
    assert "started by bash 499" in stranger


def test_the_first_sigkill_that_reached_it_counts() -> None:
    late = replace(NEIGHBOUR, at=99.995)
    assert mechanism(seen(SENT, late)) is Mechanism.FOREIGN_KILL
    ignored = replace(SENT, delivered=False)
    assert mechanism(seen(ignored, late)) is Mechanism.COLLATERAL_KILL
    elsewhere = replace(SENT, pid=72)
    assert mechanism(seen(elsewhere, late)) is Mechanism.COLLATERAL_KILL
    afterwards = replace(SENT, at=101.0)
    assert mechanism(seen(afterwards)) is Mechanism.UNKNOWN


def test_silence_of_a_whole_record_acquits_the_neighbour_and_a_gap_does_not() -> None:
    verdict = attribute(DIED, seen())
    assert verdict.mechanism is Mechanism.UNKNOWN
    assert "the kernel recorded no signal that ended it" in {
        fact
        for found in verdict.ruled_out
        if found.mechanism is Mechanism.COLLATERAL_KILL
        for fact in found.objections
    }
    # With a gap nobody knows what else was sent: circumstances count, as without a witness.
    kills = (KillFact("other", "/shared", True, 9, 99.98, 99.99),)
    gap = seen(SENT, signals_lost=3, neighbour_kills=kills)
    verdict = attribute(DIED, gap)
    assert (verdict.mechanism, verdict.proven) == (Mechanism.COLLATERAL_KILL, False)


def test_sigterm_is_answered_within_seconds_and_by_one_sender() -> None:
    ended = replace(SEEN, exit_status=143)
    term = replace(NEIGHBOUR, signal=15)
    assert mechanism(replace(ended, signals=(term,))) is Mechanism.COLLATERAL_KILL
    long_ago = replace(term, at=60.0)
    assert mechanism(replace(ended, signals=(long_ago,))) is Mechanism.UNKNOWN
    both = (term, replace(SENT, signal=15))
    assert mechanism(replace(ended, signals=both)) is Mechanism.UNKNOWN


def test_an_end_of_its_own_after_a_stranger_asked_for_it_is_not_its_own_error() -> None:
    ended = replace(SEEN, exit_status=0)
    assert mechanism(ended) is Mechanism.OWN_ERROR
    assert mechanism(replace(ended, signals=(replace(SENT, signal=15),))) is Mechanism.UNKNOWN
    inside = replace(SENT, signal=15, sender_container="c")
    assert mechanism(replace(ended, signals=(inside,))) is Mechanism.OWN_ERROR


def test_our_own_kill_is_carried_out_by_the_containers_own_runtime() -> None:
    asked = KillFact("c", "/shared", True, 9, 99.95, 100.05)
    assert mechanism(seen(OWN_RUNTIME, own_kills=(asked,))) is Mechanism.OWN_KILL
    before = replace(asked, started_at=90.0, ended_at=91.0)
    assert mechanism(seen(OWN_RUNTIME, own_kills=(before,))) is Mechanism.FOREIGN_KILL
    to_shim = replace(asked, target=Target.SHIM, pid=71)
    assert mechanism(seen(OWN_RUNTIME, own_kills=(to_shim,))) is Mechanism.FOREIGN_KILL


def test_systemd_and_the_restart_monitor() -> None:
    systemd = replace(SENT, sender_pid=1, sender_command="systemd")
    scope = seen(systemd, client_pid=2, cgroup="/a.slice/x-c.scope")
    verdict = attribute(DIED, scope)
    assert verdict.mechanism is Mechanism.UNIT_STOPPED
    assert "in the scope /a.slice/x-c.scope" in verdict.facts[1]
    other = replace(systemd, sender_command="init")
    assert mechanism(seen(other, client_pid=2)) is Mechanism.FOREIGN_KILL
    labelled = seen(OWN_RUNTIME, restart_status="stopped")
    assert mechanism(labelled) is Mechanism.RESTART_MONITOR
    assert mechanism(replace(labelled, restart_status="running")) is Mechanism.FOREIGN_KILL
    assert mechanism(seen(SENT, restart_status="stopped")) is Mechanism.FOREIGN_KILL
    unseen = replace(labelled, signals=None, signals_lost=None, neighbour_kills=())
    verdict = attribute(DIED, unseen)
    assert (verdict.mechanism, verdict.proven) == (Mechanism.RESTART_MONITOR, False)


def test_out_of_memory_is_the_victims_own_matter() -> None:
    killed = replace(SENT, sender_kind=SenderKind.KERNEL)
    own = VictimFact(at=99.9, pid=70, command="python3")
    other = VictimFact(at=99.9, pid=80, command="hog", container_id="other")
    verdict = attribute(DIED, seen(killed, oom_victims=(own,), oom_kills=1))
    assert (verdict.bug_class, verdict.mechanism) == (BugClass.OOM_KILLED, Mechanism.OOM)
    assert verdict.proven
    # A neighbour's, in the shared counter: nothing to do with the stranger's kill of this one.
    for victims in ((other,), ()):
        evidence = seen(SENT, oom_victims=victims, oom_kills=1)
        assert mechanism(evidence) is Mechanism.FOREIGN_KILL
    assert mechanism(seen(SENT, oom_victims=(own,))) is Mechanism.FOREIGN_KILL


def test_a_shim_that_was_killed_names_its_killer() -> None:
    to_shim = replace(SENT, pid=71, at=99.5)
    cleaned = replace(OWN_RUNTIME, sender_container=None)
    gone = seen(to_shim, cleaned, shim_alive=False)
    verdict = attribute(DIED, gone)
    assert (verdict.bug_class, verdict.mechanism) == (BugClass.SHIM_LOST, Mechanism.SHIM_DEATH)
    assert any("sent signal 9 to process 71" in fact for fact in verdict.facts)
    # Killed itself, before its shim went.
    assert mechanism(seen(SENT, shim_alive=False)) is not Mechanism.SHIM_DEATH


def test_what_was_hit_while_it_was_made() -> None:
    made = seen(
        replace(NEIGHBOUR, pid=90),
        exit_status=None,
        exited_at=None,
        pid=None,
        step="task_create",
        error="runc create failed: error during container init: %!w(<nil>): unknown",
    )
    rejected = BugClass.CREATE_REJECTED
    assert mechanism(made, rejected) is Mechanism.COLLATERAL_KILL
    # The same words, and nobody did anything: runc ended its own.
    own = replace(made, signals=(replace(OWN_RUNTIME, pid=90),))
    assert mechanism(own, rejected) is Mechanism.UNKNOWN
    of_another = replace(made, signals=(replace(NEIGHBOUR, pid=90, container_id="d"),))
    assert mechanism(of_another, rejected) is Mechanism.UNKNOWN
    # What hits the shim ends what it serves: another mechanism's matter.
    to_shim = replace(made, signals=(replace(NEIGHBOUR, pid=90, shim=90),))
    assert mechanism(to_shim, rejected) is Mechanism.UNKNOWN
    # Frozen, and not killed: the error itself says that somebody froze the cgroup.
    frozen = replace(made, signals=(), error="container's cgroup unexpectedly frozen")
    verdict = attribute(rejected, frozen)
    assert (verdict.mechanism, verdict.proven) == (Mechanism.COLLATERAL_KILL, False)


def test_silence_about_a_process_that_nobody_knows_decides_nothing() -> None:
    """Trial 24 of 60 of a run of 29 November 2026: runc's init died inside Tasks.Create."""
    kills = (
        KillFact("hello-00019", "/shared", True, 9, 437.9006, 437.9156),
        KillFact("hello-00023", "/shared", True, 9, 437.9377, 437.9414),
    )
    evidence = Evidence(
        container_id="hello-00024",
        error="runc create failed: error during container init: %!w(<nil>): unknown",
        step="task_create",
        step_started_at=437.8545,
        step_ended_at=437.9598,
        snapshot_found=False,
        cgroup="/shared",
        cgroup_shared=True,
        neighbour_kills=kills,
        kills_known_since=432.8545,
        signals=(),
        signals_lost=0,
        oom_victims=(),
    )
    verdict = attribute(BugClass.CREATE_REJECTED, evidence)
    assert verdict.mechanism is Mechanism.UNKNOWN
    assert Mechanism.COLLATERAL_KILL not in {found.mechanism for found in verdict.ruled_out}
    (found,) = verdict.considered
    assert "Kill(all) of hello-00023 in the same cgroup" in found.supports[0]
    said = "not decidable: no PID is known of a process that died inside Tasks.Create"
    assert found.objections[0] == said
    # Whom it is about is known, and the record has nothing of it.
    known = attribute(BugClass.CREATE_REJECTED, replace(evidence, pid=70))
    assert Mechanism.COLLATERAL_KILL in {found.mechanism for found in known.ruled_out}


def test_the_record_survives_json() -> None:
    evidence = seen(NEIGHBOUR, oom_victims=(VictimFact(at=1.0, pid=2, command="x"),))
    assert Evidence.from_dict(json.loads(json.dumps(evidence.as_dict()))) == evidence
    with pytest.raises(ValueError, match="moon"):
        Evidence.from_dict({"signals": [{"sender_kind": "moon"}]})
