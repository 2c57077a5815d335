"""What the evidence says for and against, and what would have prevented a failure."""

from __future__ import annotations

from dataclasses import replace

from iluvatar_bench.bugs import BugClass, DaemonFact, Evidence, KillFact, Mechanism
from iluvatar_bench.explain.grounds import grounds
from iluvatar_bench.explain.remedy import remedy
from iluvatar_bench.profiles import PRESETS, resolve_profile

KILL = KillFact("n", "/shared", True, 9, 10.0, 10.01)
DIED = Evidence(
    container_id="c",
    exit_status=137,
    exited_at=10.02,
    neighbour_kills=(KILL,),
    kills_known_since=0.0,
    snapshot_key="c",
    snapshot_found=True,
    snapshot_removed_by_us=False,
    oom_kills=0,
    shim_alive=True,
    notes=("kernel log: not permitted",),
)


def test_a_verdict_has_its_facts_and_every_other_mechanism_is_ruled_out_by_one() -> None:
    found = grounds(BugClass.PROCESS_DIED, DIED, Mechanism.COLLATERAL_KILL)
    assert "Kill(all) of n in the same cgroup" in found.speaking_for[0]
    assert found.speaking_against == ()
    assert dict(text.split(": ", 1) for text in found.ruled_out) == {
        "oom": "the cgroup's oom_kill counter did not rise",
        "own_kill": "no Kill of this container, or signal of ours to it, "
        "fits the exit's time and status",
        "shim_death": "the container's shim is alive",
        "snapshot_collected": "containerd still knows the snapshot c",
        "own_error": "the process was ended by signal 9",
    }
    assert found.not_known == ("kernel log: not permitted",)


def test_two_causes_of_one_death_stand_against_each_other() -> None:
    both = replace(DIED, oom_kills=1)
    found = grounds(BugClass.PROCESS_DIED, both, Mechanism.UNKNOWN)
    assert found.speaking_for == ()
    assert {text.split(":")[0] for text in found.speaking_against} == {
        "for oom",
        "but not for oom",
        "for collateral_kill",
        "but not for collateral_kill",
    }


def test_why_no_neighbour_did_it() -> None:
    def said(evidence: Evidence) -> list[str]:
        found = grounds(BugClass.PROCESS_DIED, evidence, Mechanism.UNKNOWN)
        return [text for text in found.ruled_out if text.startswith("collateral_kill")]

    (late,) = said(replace(DIED, exited_at=12.0))
    assert "fits the exit's time" in late
    (by_itself,) = said(replace(DIED, exit_status=1))
    assert "with status 1, not by SIGKILL" in by_itself
    step = replace(DIED, exit_status=None, exited_at=None, step_started_at=9.9, step_ended_at=10.1)
    (quiet,) = said(step)
    assert "can be tied to this failure" in quiet
    # The rule that convicts is the one that acquits.
    assert said(DIED) == said(replace(step, error="cgroup is unexpectedly frozen")) == []
    assert said(replace(DIED, exited_at=None)) == []


def test_a_collected_snapshot_is_not_made_the_cause_of_every_death() -> None:
    gone = replace(DIED, snapshot_found=False, upper_exists=False)
    found = grounds(BugClass.PROCESS_DIED, gone, Mechanism.COLLATERAL_KILL)
    (text,) = [text for text in found.ruled_out if text.startswith("snapshot_collected")]
    assert text.endswith("but no lost file ties this failure to it")
    lost = grounds(BugClass.SNAPSHOT_OVERLAY, gone, Mechanism.SNAPSHOT_COLLECTED)
    assert len(lost.speaking_for) == 2
    intact = grounds(BugClass.SNAPSHOT_OVERLAY, replace(DIED, upper_exists=True), Mechanism.UNKNOWN)
    assert sum(text.startswith("snapshot_collected") for text in intact.ruled_out) == 2


def test_a_containerd_that_stayed_is_said_to_have_stayed() -> None:
    one, other = DaemonFact(7, 1.0), DaemonFact(8, 2.0)
    stayed = Evidence(daemon_before=one, daemon_now=one, daemon_reachable=True)
    found = grounds(BugClass.DEADLINE, stayed, Mechanism.UNKNOWN)
    assert "daemon_restart: containerd was process 7 throughout" in found.ruled_out
    restarted = replace(stayed, daemon_now=other)
    found = grounds(BugClass.DEADLINE, restarted, Mechanism.DAEMON_RESTART)
    assert "is process 8" in found.speaking_for[0]


def test_nothing_known_says_nothing_and_a_verdict_of_other_rules_is_told() -> None:
    empty = grounds(BugClass.PROCESS_DIED, Evidence(), Mechanism.UNKNOWN)
    assert (empty.speaking_for, empty.speaking_against, empty.ruled_out) == ((), (), ())
    assert any("snapshot" in text for text in empty.not_known)
    assert any("memory limit" in text for text in empty.not_known)
    old = grounds(BugClass.PROCESS_DIED, DIED, Mechanism.OOM)
    assert old.speaking_for == ()
    assert "by the rules of this version the mechanism is collateral_kill" in old.speaking_against


def test_every_remedy_with_settings_is_a_change_that_can_be_made() -> None:
    bad = PRESETS["iluvatar-2022-07"]
    for mechanism in Mechanism:
        advice = remedy(str(mechanism), bad.factors)
        assert advice.text.endswith(".")
        changed = resolve_profile(bad.name, advice.settings)
        assert (changed.factors != bad.factors) == bool(advice.settings)
    assert remedy("snapshot_collected", bad.factors).settings == ("snapshot_reference=lease",)
    assert remedy("collateral_kill", bad.factors).settings == ("cgroup=own",)


def test_a_level_with_a_better_change_says_so() -> None:
    for level, words in {
        "record_late": "header containerd-lease",
        "lease_short": "before its lease expires",
        "lease_pruned": "may delete any lease",
    }.items():
        advice = remedy("snapshot_collected", {"snapshot_reference": level})
        assert advice.settings == ("snapshot_reference=lease",)
        assert words in advice.text
    advice = remedy("parent_collected", {"snapshot_reference": "parent_unheld"})
    assert advice.settings == ("snapshot_reference=lease",)
    assert "label containerd.io/gc.ref.snapshot" in advice.text
    pruned = remedy("parent_collected", {"image_end": "pruned_unheld"})
    assert pruned.settings == ("image_end=pruned_held",)
    for level in ("shared", "example", "relative", "nested"):
        advice = remedy("collateral_kill", {"cgroup": level})
        assert advice.settings == ("cgroup=own",)
        assert "linux.cgroupsPath of its own" in advice.text


def test_a_factor_that_was_right_already_is_no_remedy() -> None:
    good = PRESETS["guarded"].factors
    assert remedy("collateral_kill", good).settings == ()
    assert "cgroup=own already" in remedy("collateral_kill", good).text
    assert "no change can be promised" in remedy("a mechanism of tomorrow", good).text
    assert "no change can be promised" in remedy(None, good).text


def test_every_mechanism_has_advice_of_its_own() -> None:
    of_text: dict[str, set[str]] = {}
    for mechanism in Mechanism:
        of_text.setdefault(remedy(str(mechanism), {}).text, set()).add(str(mechanism))
    # One choice prevents every kind of trouble in a shared cgroup.
    shared = {"collateral_kill", "cgroup_occupied", "cgroup_removed"}
    shared |= {"neighbour_paused", "neighbour_updated"}
    assert [group for group in of_text.values() if len(group) > 1] == [shared]
