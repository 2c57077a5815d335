"""The story of a container that somebody else's client made, from the recorded observation."""

from __future__ import annotations

import re

from iluvatar_bench.explain import explain_trial
from iluvatar_bench.runs import find_run, open_run

RUN = open_run(find_run("observed"))


def story(mechanism: str) -> str:
    """That of the first failure by a mechanism."""
    rows = RUN.trials[RUN.trials["mechanism"].eq(mechanism)]
    return str(explain_trial(RUN, int(rows["trial"].iloc[0])))


def test_both_sides_of_a_failure_are_told() -> None:
    told = story("snapshot_collected")
    assert "worker log" in told
    assert "the worker's log" in told
    assert "its client never removed it" in " ".join(told.split())
    assert "this client" not in told


def test_whoever_made_it_has_no_profile_to_set() -> None:
    told = story("snapshot_collected")
    assert "prevented by" not in told
    assert "--set" not in told
    assert "Hold the snapshot by a lease" in told


def test_nothing_is_told_of_steps_that_only_a_client_can_time() -> None:
    assert re.search(r"^ +~\d", story("collateral_kill"), re.M) is None


def test_one_that_ended_well_is_told_so() -> None:
    well = RUN.trials[RUN.trials["outcome"].eq("ok") & RUN.trials["client"].eq("gateway")]
    told = str(explain_trial(RUN, int(well["trial"].iloc[0])))
    assert "Nothing failed: a client asked containerd for its end" in told
