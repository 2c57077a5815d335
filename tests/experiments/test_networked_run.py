"""Containers as a worker runs them: with an address, invoked over HTTP, removed without a trace."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from iluvatar_bench.containerd.daemon import Node
from iluvatar_bench.containerd.image_import import ImportedImage
from iluvatar_bench.experiments.runner import run_plan
from iluvatar_bench.experiments.trial import Setting, run_trial
from iluvatar_bench.host.attachment import NetworkMode
from iluvatar_bench.host.network_pool import open_pool
from iluvatar_bench.host.network_residue import holdings
from iluvatar_bench.host.networks import open_network
from iluvatar_bench.lifecycle import KillLog, resolve_profile
from iluvatar_bench.lifecycle.invocation import open_invoker
from iluvatar_bench.plans import PlannedTrial, cold_start
from iluvatar_bench.records import Outcome, Trial
from tests.networks import own_settings

pytestmark = pytest.mark.daemon

PROFILE = resolve_profile("guarded", ["collection=quiet", "network=bridge"])


async def test_fifty_on_the_bridge_are_invoked_twice_and_leave_nothing(
    quiet_node: Node, image: ImportedImage, short_folder: Path
) -> None:
    settings = own_settings(short_folder / "net", NetworkMode.BRIDGE)
    done: list[Trial] = []
    async with (
        open_network(settings) as network,
        open_pool(network, size=4) as pool,
        open_invoker(network.book) as invoker,
    ):
        setting = Setting("test-bridge", quiet_node, image, PROFILE, KillLog(), pool, invoker, 60.0)
        plan = cold_start(trials=50, concurrency=6, seed=3, hold_ms=(0, 50), invocations=2)
        await run_plan(setting, plan, sinks=(done.append,))
        assert holdings(settings.home).bridges
    assert [(t.trial, t.error) for t in done if t.outcome is not Outcome.OK] == []
    assert not any(trial.cleanup_errors for trial in done)
    assert all(trial.steps["first_invoke_ms"] > 0 for trial in done)
    assert not holdings(settings.home)
    assert await quiet_node.client.containers.list() == ()


async def test_an_exhausted_range_is_a_network_failure_and_works_again_after_removals(
    quiet_node: Node, image: ImportedImage, short_folder: Path
) -> None:
    settings = own_settings(short_folder / "net", NetworkMode.BRIDGE)
    (network_address,) = [next(settings.subnet.subnets(new_prefix=29))]
    settings = replace(settings, subnet=network_address)
    planned = PlannedTrial(index=0, function="hello", hold_ms=0)
    async with (
        open_network(settings) as network,
        open_pool(network, size=0) as pool,
        open_invoker(network.book) as invoker,
    ):
        setting = Setting("test-ipam", quiet_node, image, PROFILE, KillLog(), pool, invoker, 60.0)
        # A /29 has six addresses; the bridge holds one of them.
        held = [await pool.acquire() for _ in range(5)]
        refused = await run_trial(setting, planned)
        assert (refused.bug_class, refused.mechanism) == ("network", "ipam_exhausted")
        assert refused.failed_step == "network"
        assert "no IP addresses available in range set" in (refused.error or "")
        for attachment in held:
            await pool.release(attachment)
        assert (await run_trial(setting, planned)).outcome is Outcome.OK
    assert not holdings(settings.home)
