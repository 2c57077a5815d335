"""What may be called proven, of runs with the kernel's record, without it, and of before it."""

from __future__ import annotations

from iluvatar_bench.bugs import Mechanism
from iluvatar_bench.bugs.certainty import CONSISTENT, PROVEN, certainty


def test_what_was_recorded_counts() -> None:
    assert certainty("collateral_kill", {"proven": True}) == PROVEN
    assert certainty("collateral_kill", {"proven": False}) == CONSISTENT


def test_of_runs_before_the_witness_no_kill_is_proven_and_a_collection_is() -> None:
    assert certainty("collateral_kill", {}) == CONSISTENT
    assert certainty("oom", {}) == CONSISTENT
    assert certainty("snapshot_collected", {}) == PROVEN
    assert certainty("a_mechanism_of_tomorrow", {}) == PROVEN


def test_nothing_is_said_of_nothing() -> None:
    assert certainty(None, {}) is None
    assert certainty(str(Mechanism.UNKNOWN), {"proven": False}) is None
