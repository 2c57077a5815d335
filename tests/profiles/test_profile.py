"""Profiles: the presets are what they are named for, and every mistake has a hint."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from iluvatar_bench.errors import UsageError
from iluvatar_bench.profiles import PRESETS, resolve_profile
from iluvatar_bench.profiles.collector import NATURAL_COLLECTOR, QUIET_COLLECTOR
from iluvatar_bench.profiles.profile import factor_levels, factor_names


def test_the_worker_of_july_and_the_guarded_one_differ_where_it_matters() -> None:
    july, august, guarded = (
        PRESETS[name].factors for name in ("iluvatar-2022-07", "iluvatar-2022-08", "guarded")
    )
    assert {k for k in july if july[k] != august[k]} == {"cgroup"}
    assert (july["snapshot_reference"], guarded["snapshot_reference"]) == ("none", "lease")
    assert (july["cgroup"], guarded["cgroup"]) == ("shared", "own")


def test_a_profile_is_frozen_and_knows_its_factors() -> None:
    with pytest.raises(ValidationError):
        PRESETS["guarded"].cgroup = "shared"
    assert "name" not in factor_names()
    assert factor_levels("snapshot_reference")[:3] == ("none", "container", "lease")
    assert factor_levels("start_delay_ms") == ()


@pytest.mark.parametrize(
    ("name", "settings", "fingerprint"),
    [
        ("iluvatar-2022-07", [], "8cd22916"),
        ("iluvatar-2022-08", [], "ef7d3af8"),
        ("guarded", [], "17959de7"),
        (
            "guarded",
            ["snapshot_reference=container", "cgroup=shared", "collection=before_mount"],
            "ffe4c6d6",
        ),
    ],
)
def test_a_profile_of_yesterday_is_the_same_today(
    name: str, settings: list[str], fingerprint: str
) -> None:
    """More levels change nothing of those that were there: runs are compared by it."""
    assert resolve_profile(name, settings).fingerprint == fingerprint


def test_a_habit_makes_another_profile_and_its_default_does_not() -> None:
    guarded = PRESETS["guarded"]
    for setting in (
        "keep_alive=paused",
        "stop=term_then_kill",
        "health=invoke",
        "eviction=ttl",
        "prewarm=1",
        "retry=1",
        "creation_limit=4",
        "transport=unix",
        "invoke_parallel=2",
        "restart=running",
    ):
        factor, _, _ = setting.partition("=")
        assert resolve_profile("guarded", [setting]).fingerprint != guarded.fingerprint
        usual = resolve_profile("guarded", [f"{factor}={guarded.factors[factor]}"])
        assert usual.fingerprint == guarded.fingerprint


def test_what_is_said_of_paths_needs_a_driver_of_paths() -> None:
    systemd = "cgroup_driver=systemd"
    for level in ("relative", "nested", "example"):
        with pytest.raises(UsageError, match=f"^cgroup={level} needs cgroup_driver=cgroupfs"):
            resolve_profile("guarded", [f"cgroup={level}", systemd])
    assert resolve_profile("guarded", ["cgroup=shared", systemd]).cgroup == "shared"


def test_settings_change_single_factors_and_are_named() -> None:
    profile = resolve_profile("guarded", ["collection=before_mount", "start_delay_ms=50"])
    assert (profile.collection, profile.start_delay_ms) == ("before_mount", 50)
    assert profile.name == "guarded+collection=before_mount,start_delay_ms=50"
    assert profile.collector == QUIET_COLLECTOR
    assert resolve_profile("guarded").collector == NATURAL_COLLECTOR


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("guardd", [], r"no profile 'guardd' \(did you mean guarded\?\); there are: iluvatar"),
        ("guarded", ["cgruop=own"], r"no factor 'cgruop' \(did you mean cgroup\?\)"),
        ("guarded", ["cgroup=mine"], r"factor cgroup has no level 'mine'.*shared, own"),
        ("guarded", ["cgroup"], "not of the form factor=level"),
        ("guarded", ["start_delay_ms=soon"], "start_delay_ms: 'soon' is no whole number"),
        ("guarded", ["cpu_shares=1"], "cpu_shares: '1' will not do: it is 0, or at least 2"),
        ("guarded", ["cpu_shares=262145"], "factor cpu_shares must be at most 262144"),
        ("guarded", ["start_delay_ms=-1"], "factor start_delay_ms must be at least 0, not -1"),
        ("guarded", ["name=x"], "no factor 'name'"),
        ("guarded", ["eviction=lfu"], r"eviction has no level 'lfu'.*lru, ttl, greedy_dual"),
        ("guarded", ["retry=11"], "factor retry must be at most 10, not 11"),
        (
            "guarded",
            ["runtime=./crun"],
            "'./crun' is not the OCI runtime.*name, or its absolute path",
        ),
        ("guarded", ["invoke_parallel=0"], "factor invoke_parallel must be at least 1, not 0"),
    ],
)
def test_mistakes_have_a_hint(name: str, settings: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resolve_profile(name, settings)
