"""Without the kernel's record: windows, the share of the time that they cover, and its limit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iluvatar_bench.bugs import BugClass, Evidence, KillFact, Mechanism, attribute
from iluvatar_bench.bugs.rules.coincidence import covered_share, kill_share, late_seconds


def kill(started_at: float, ended_at: float | None, **changes: object) -> KillFact:
    return replace(KillFact("n", "/shared", True, 9, started_at, ended_at), **changes)


KILLED = Evidence(
    container_id="c",
    exit_status=137,
    exited_at=100.0,
    kills_known_since=90.0,
    reaping_seconds=0.1,
    neighbour_kills=(kill(99.8, 99.95),),
)


@pytest.mark.parametrize(
    ("kills", "share"),
    [
        ((), 0.0),
        ((kill(92.0, 92.9),), 0.1),
        # Windows that touch or overlap count once.
        ((kill(92.0, 92.9), kill(92.5, 93.4)), 0.15),
        ((kill(92.0, 92.9), kill(92.1, 92.2)), 0.1),
        # What lies outside is cut off; one that has no answer lasts to the end.
        ((kill(80.0, 90.9),), 0.1),
        ((kill(99.0, None),), 0.1),
        ((kill(80.0, None),), 1.0),
        ((kill(80.0, 85.0), kill(101.0, None)), 0.0),
    ],
)
def test_the_share_of_time(kills: tuple[KillFact, ...], share: float) -> None:
    found = covered_share(kills, since=90.0, until=100.0, late_seconds=0.1)
    assert found == pytest.approx(share)


spans = st.tuples(st.integers(0, 200), st.integers(0, 40))


@given(spans=st.lists(spans, max_size=8), late=st.integers(0, 5))
def test_the_share_is_what_counting_moments_gives(spans: list[tuple[int, int]], late: int) -> None:
    """In whole moments: each is covered, or it is not."""
    kills = [kill(float(start), float(start + length)) for start, length in spans]
    covered = sum(
        any(start <= moment < start + length + late for start, length in spans)
        for moment in range(50, 150)
    )
    found = covered_share(kills, since=50.0, until=150.0, late_seconds=float(late))
    assert found == pytest.approx(covered / 100)


def test_a_rare_kill_is_consistent_with_the_death_and_never_proves_it() -> None:
    verdict = attribute(BugClass.PROCESS_DIED, KILLED)
    assert verdict.mechanism is Mechanism.COLLATERAL_KILL
    assert not verdict.proven
    assert "neighbours' Kills cover 2.0 % of the time before it" in verdict.facts


def test_where_kills_cover_much_of_the_time_nobody_is_accused() -> None:
    often = tuple(kill(90.0 + n, 90.4 + n) for n in range(10))
    crowded = replace(KILLED, neighbour_kills=(*often, *KILLED.neighbour_kills))
    verdict = attribute(BugClass.PROCESS_DIED, crowded)
    assert verdict.mechanism is Mechanism.UNKNOWN
    (found,) = [f for f in verdict.considered if f.mechanism is Mechanism.COLLATERAL_KILL]
    assert "cover 52.0 % of the time before it, more than 5 %" in found.objections[-1]
    lenient = attribute(BugClass.PROCESS_DIED, crowded, largest_share=0.6)
    assert lenient.mechanism is Mechanism.COLLATERAL_KILL


def test_without_knowing_since_when_nobody_is_accused() -> None:
    unknown = replace(KILLED, kills_known_since=None)
    assert kill_share(unknown) is None
    assert attribute(BugClass.PROCESS_DIED, unknown).mechanism is Mechanism.UNKNOWN
    # Runs of earlier versions kept those of the two seconds before the step.
    earlier = replace(unknown, step_started_at=98.0)
    assert kill_share(earlier) == pytest.approx(0.2 / 4)


def test_the_window_is_no_longer_than_the_reaping_takes() -> None:
    slow = replace(KILLED, neighbour_kills=(kill(99.8, 99.85),))
    assert attribute(BugClass.PROCESS_DIED, slow).mechanism is Mechanism.UNKNOWN
    measured = replace(slow, reaping_seconds=0.2)
    assert attribute(BugClass.PROCESS_DIED, measured).mechanism is Mechanism.COLLATERAL_KILL
    assert late_seconds(replace(KILLED, reaping_seconds=60.0)) == 0.5
    assert late_seconds(replace(KILLED, reaping_seconds=None)) == 0.03


def test_a_kill_with_another_signal_is_no_window() -> None:
    terms = tuple(kill(90.0 + n, 90.9 + n, signal=15) for n in range(10))
    quiet = replace(KILLED, neighbour_kills=(*terms, *KILLED.neighbour_kills))
    assert kill_share(quiet) == pytest.approx(0.02)


def test_an_oom_kill_in_a_shared_cgroup_is_nobodys() -> None:
    counted = replace(KILLED, neighbour_kills=(), oom_kills=1, cgroup="/p/shared-x", pid=7)
    assert attribute(BugClass.PROCESS_DIED, counted).mechanism is Mechanism.UNKNOWN
    line = "oom-kill:constraint=CONSTRAINT_MEMCG,task_memcg=/p/shared-x,task=python3,pid=8,uid=0"
    others = replace(counted, kernel_log=(line,))
    assert attribute(BugClass.PROCESS_DIED, others).mechanism is Mechanism.UNKNOWN
    own = replace(counted, kernel_log=(line.replace("pid=8", "pid=7"),))
    verdict = attribute(BugClass.PROCESS_DIED, own)
    assert (verdict.mechanism, verdict.proven) == (Mechanism.OOM, False)
    alone = replace(counted, cgroup_shared=False)
    assert attribute(BugClass.PROCESS_DIED, alone).mechanism is Mechanism.OOM
