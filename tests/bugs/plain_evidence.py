"""Evidence of a failure in its plainest form, for the tests of single rules."""

from __future__ import annotations

from dataclasses import replace

from iluvatar_bench.bugs import BugClass, Evidence, KillFact, Mechanism, attribute

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
    kills_known_since=90.0,
)


def mechanism(symptom: BugClass, evidence: Evidence) -> Mechanism:
    return attribute(symptom, evidence).mechanism
