"""What a search for the few factors says of what it found, and of what it could have found."""

from __future__ import annotations

from pathlib import Path

from iluvatar_bench.bugs import BugClass
from iluvatar_bench.records.frames import trials_frame
from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.records.trial_table import TrialTable
from iluvatar_bench.stats import Decision
from iluvatar_bench.studies.blame import Blame, error_of_each
from iluvatar_bench.studies.controlled_probes import Probe, probe_test

FACTORS = ("snapshot_reference", "cgroup", "kill")


def probe(*changed: str, decision: Decision, events=0, control=30, masked=False) -> Probe:
    return Probe(
        changed=changed,
        events=events,
        control_events=control,
        trials=400,
        decision=decision,
        masked=masked,
    )


def found(*probes: Probe, minimal=(), **changes) -> Blame:
    none = trials_frame([])
    values = {
        "run": RunResult(Path("run"), {}, TrialTable.of(none), none),
        "bug_class": BugClass.MISSING_PACKAGES,
        "differing": FACTORS,
        "largest": 2,
        "minimal": minimal,
        "unsearched": 0,
        "control_events": 30,
        "control_trials": 400,
        "probes": (probe(*FACTORS, decision=Decision.LOW), *probes),
        "alpha": 0.05,
        "complete": True,
    }
    return Blame(**{**values, **changes})


def test_what_was_asked_and_left_is_counted() -> None:
    there = [probe(name, decision=Decision.HIGH, events=20) for name in FACTORS[1:]]
    pair = probe(*FACTORS[1:], decision=Decision.HIGH, events=20)
    one = found(probe(FACTORS[0], decision=Decision.LOW), *there, pair, minimal=((FACTORS[0],),))
    # Of three factors there are three single ones and three pairs; two pairs hold the first.
    assert one.sentence == (
        "of 3 factors that differ, changing snapshot_reference removes missing_packages; "
        "3 other sets of up to 2 leave it; 2 that hold a set which removes it were not asked "
        "about (5 probes, 0 trials; chance of a wrong answer at most 0.05)"
    )
    (power,) = one.notes
    assert power.startswith("power: a set that leaves up to 5 % of the rate is called gone")


def test_what_shows_nothing_says_what_it_could_have_shown_and_what_would_do() -> None:
    error = error_of_each(3, 2, 0.05)
    test = probe_test(error)
    open_one = probe("cgroup", decision=Decision.EXHAUSTED, events=2, control=9)
    hidden = probe("kill", decision=Decision.LOW, masked=True)
    one = found(open_one, hidden)
    assert "no set of up to 2 was shown to remove missing_packages" in one.sentence
    assert "undecided: cgroup, kill" in one.sentence
    assert one.as_json()["undecided"] == [["cgroup"], ["kill"]]
    power, of_cgroup, of_kill = one.notes
    chances = [test.characteristics(ratio / (1 + ratio)) for ratio in (0.05, 0.5)]
    assert min(chances[0].p_low, chances[1].p_high) >= 1 - error
    assert f"at least {100 * (1 - error):.2f} % each" in power
    assert of_kill.startswith("kill: 0 events against 30 in 400 trials each; masked: fewer")
    more = next(n for n in range(400) if test.decide(2, 2 + 9 + n) is Decision.LOW)
    assert of_cgroup == (
        f"cgroup: 2 events against 9 in 400 trials each; {more} more events on the failing "
        "profile and none on it would say gone"
    )


def test_a_search_that_was_stopped_before_its_first_answer_says_nothing() -> None:
    one = found(probes=(), complete=False)
    assert one.sentence.startswith("stopped early: nothing is shown")
    assert one.notes == ()
