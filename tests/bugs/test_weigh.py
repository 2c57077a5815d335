"""What the evidence says for and against, and what would have prevented a failure."""

from __future__ import annotations

from typing import Any

import pytest

from iluvatar_bench.bugs import Mechanism
from iluvatar_bench.bugs.remedy import remedy
from iluvatar_bench.bugs.weigh import fits, observations
from iluvatar_bench.lifecycle import PRESETS, resolve_profile

KILL = {"container_id": "n", "all_processes": True, "started_at": 10.0, "ended_at": 10.01}


def speaking(evidence: dict[str, Any], speaks: bool | None) -> set[Mechanism]:
    return {seen.mechanism for seen in observations(evidence) if seen.speaks is speaks}


def test_nothing_known_proves_nothing() -> None:
    assert speaking({}, True) == set()
    assert speaking({}, None) == {Mechanism.SNAPSHOT_COLLECTED, Mechanism.OOM}


def test_each_mechanism_is_spoken_for_by_its_own_traces() -> None:
    gone = {"snapshot_key": "k", "snapshot_found": False, "upper_exists": False}
    assert speaking(gone, True) == {Mechanism.SNAPSHOT_COLLECTED}
    assert Mechanism.SNAPSHOT_COLLECTED in speaking({**gone, "snapshot_removed_by_us": True}, False)
    killed = {"exit_status": 137, "exited_at": 10.02, "neighbour_kills": [KILL]}
    assert speaking(killed, True) == {Mechanism.COLLATERAL_KILL}
    own = {**killed, "own_kills": [{"started_at": 10.0}]}
    assert Mechanism.COLLATERAL_KILL in speaking(own, False)
    assert speaking({"oom_kills": 2}, True) == {Mechanism.OOM}
    assert speaking({"shim_alive": False, "step": "alive"}, True) == {Mechanism.SHIM_DEATH}
    assert Mechanism.SHIM_DEATH not in speaking({"shim_alive": False, "step": "task_create"}, True)
    intact = {"exit_status": 1, "snapshot_found": True, "upper_exists": True}
    assert speaking(intact, True) == {Mechanism.OWN_ERROR}
    assert Mechanism.OWN_ERROR in speaking({**intact, "upper_exists": False}, False)


@pytest.mark.parametrize(
    ("changes", "evidence", "hit"),
    [
        ({}, {"exited_at": 10.2}, True),
        ({}, {"exited_at": 9.9}, False),
        ({}, {"exited_at": 11.0}, False),
        ({"ended_at": None}, {"exited_at": 11.0}, True),
        ({"all_processes": False}, {"exited_at": 10.2}, False),
        ({}, {"exited_at": 10.2, "exit_status": 1}, False),
        ({}, {"step_started_at": 9.0, "step_ended_at": 10.005}, True),
        ({}, {"step_started_at": 10.5, "step_ended_at": 11.0}, False),
        ({}, {}, False),
    ],
)
def test_a_neighbours_kill_fits_only_in_time(
    changes: dict[str, Any], evidence: dict[str, Any], hit: bool
) -> None:
    assert fits({**KILL, **changes}, evidence) is hit


def test_every_remedy_with_settings_is_a_change_that_can_be_made() -> None:
    bad = PRESETS["iluvatar-2022-07"]
    for mechanism in Mechanism:
        advice = remedy(str(mechanism), bad.factors)
        assert advice.text.endswith(".")
        changed = resolve_profile(bad.name, advice.settings)
        assert (changed.factors != bad.factors) == bool(advice.settings)
    assert remedy("snapshot_collected", bad.factors).settings == ("snapshot_reference=lease",)
    assert remedy("collateral_kill", bad.factors).settings == ("cgroup=own",)


def test_a_factor_that_was_right_already_is_no_remedy() -> None:
    good = PRESETS["guarded"].factors
    assert remedy("collateral_kill", good).settings == ()
    assert "cgroup=own already" in remedy("collateral_kill", good).text
    assert "no change can be promised" in remedy("a mechanism of tomorrow", good).text
    assert "no change can be promised" in remedy(None, good).text
