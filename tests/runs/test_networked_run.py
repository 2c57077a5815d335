"""Containers as a worker runs them: with an address, invoked over HTTP, removed without a trace."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import get_args

import pytest

from iluvatar_bench import run_cold_start
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage, import_layout
from iluvatar_bench.errors import UsageError
from iluvatar_bench.functions import BuildOptions, build_image, load_function
from iluvatar_bench.functions.build_options import Server
from iluvatar_bench.host.facts import cni_home
from iluvatar_bench.host.network.attachment import NetworkMode, NetworkSettings
from iluvatar_bench.host.network.network_pool import open_pool
from iluvatar_bench.host.network.network_residue import holdings
from iluvatar_bench.host.network.networks import open_network
from iluvatar_bench.lifecycle import KillLog, remove_container
from iluvatar_bench.lifecycle.container import open_container
from iluvatar_bench.lifecycle.invocation import open_invoker
from iluvatar_bench.plans import PlannedTrial, cold_start
from iluvatar_bench.records import Outcome, Trial
from iluvatar_bench.runs.leaks import take_inventory
from iluvatar_bench.runs.runner import run_plan
from iluvatar_bench.runs.testbed import TestbedSettings
from iluvatar_bench.runs.trial import Setting, run_trial
from tests.support.networks import own_settings
from tests.support.outcomes import not_ok
from tests.support.quick_profiles import quick

pytestmark = pytest.mark.daemon

PROFILE = quick("guarded", ["collection=quiet", "network=bridge"])


@pytest.mark.parametrize("trials", [8, pytest.param(50, marks=pytest.mark.slow)])
async def test_many_on_the_bridge_are_invoked_twice_and_leave_nothing(
    quiet_node: Node, image: ImportedImage, short_folder: Path, trials: int
) -> None:
    settings = own_settings(short_folder / "net", NetworkMode.BRIDGE)
    done: list[Trial] = []
    async with (
        open_network(settings) as network,
        open_pool(network, size=4) as pool,
        open_invoker(network.book) as invoker,
    ):
        setting = Setting("test-bridge", quiet_node, image, PROFILE, KillLog(), pool, invoker, 60.0)
        before = await take_inventory(quiet_node, snapshotters=["overlayfs"], pools=[pool])
        plan = cold_start(trials=trials, concurrency=6, seed=3, hold_ms=(0, 50), invocations=2)
        await run_plan(setting, plan, sinks=(done.append,))
        assert holdings(settings.home).bridges
        after = await take_inventory(quiet_node, snapshotters=["overlayfs"], pools=[pool])
        assert pool.ready == 4
        assert after.beyond(before) == {}
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


FORGETFUL = """\
#!/bin/sh
[ "$CNI_COMMAND" = DEL ] && [ -e {flag} ] && {{
    echo '{{"cniVersion": "1.0.0", "code": 999, "msg": "told to forget"}}'
    exit 1
}}
exec {real} "$@"
"""
"""A bridge plugin whose DEL fails while a file is there; the rest is the real one's."""


async def test_an_address_that_was_not_given_back_stands_in_the_ledger(
    quiet_node: Node, image: ImportedImage, short_folder: Path
) -> None:
    real, flag, plugins = cni_home(), short_folder / "forget", short_folder / "cni"
    assert real is not None
    plugins.mkdir()
    (plugins / "bridge").write_text(FORGETFUL.format(flag=flag, real=real / "bridge"))
    (plugins / "bridge").chmod(0o755)
    settings = replace(
        own_settings(short_folder / "net", NetworkMode.BRIDGE), homes=(plugins, real)
    )
    async with (
        open_network(settings) as network,
        open_pool(network, size=2) as pool,
        open_invoker(network.book) as invoker,
    ):
        setting = Setting("test-leak", quiet_node, image, PROFILE, KillLog(), pool, invoker, 60.0)
        before = await take_inventory(quiet_node, snapshotters=["overlayfs"], pools=[pool])
        flag.touch()
        trial = await run_trial(setting, PlannedTrial(index=0, function="hello", hold_ms=0))
        assert trial.outcome is Outcome.OK
        assert "told to forget" in trial.cleanup_errors[0]
        after = await take_inventory(quiet_node, snapshotters=["overlayfs"], pools=[pool])
        (left,) = after.beyond(before)["addresses"]
        assert left.partition(" of ")[2].startswith("ilb-")
        assert "namespaces" not in after.beyond(before)
        flag.unlink()
    assert not holdings(settings.home)


async def test_a_run_shows_what_it_left_and_which_network_it_had(tmp_path: Path) -> None:
    result = await run_cold_start(
        quick("guarded", ["network=bridge"]),
        trials=4,
        concurrency=2,
        seed=1,
        results=tmp_path,
        hold_ms=(0, 0),
        pool_size=3,
        network=NetworkSettings(subnet=IPv4Network("10.211.5.0/26"), bridge="ilbtrun"),
    )
    assert set(result.trials["outcome"]) == {"ok"}, not_ok(result.trials)
    assert result.leaked == {}
    ledger = result.manifest["ledger"]["before"]
    assert {"namespaces", "veths", "addresses"} < set(ledger)
    assert result.manifest["network"] == {
        "pool_size": 3,
        "subnet": "10.211.5.0/26",
        "bridge": "ilbtrun",
    }


def test_a_network_that_no_container_would_have_is_refused() -> None:
    with pytest.raises(UsageError, match="choose network=bridge, or leave them away"):
        TestbedSettings(profiles=(quick("guarded"),), network=NetworkSettings(bridge="ilbtrun"))


@pytest.mark.parametrize("server", get_args(Server))
async def test_eight_invocations_of_one_container_at_a_time(
    server: str, quiet_node: Node, short_folder: Path
) -> None:
    built = build_image(load_function("hello"), BuildOptions(server=server))
    image = await import_layout(
        quiet_node.client, built.layout, name=built.name, snapshotters=["overlayfs"]
    )
    settings = own_settings(short_folder / "net", NetworkMode.BRIDGE)
    async with (
        open_network(settings) as network,
        open_pool(network, size=0) as pool,
        open_invoker(network.book) as invoker,
        open_container(
            "one", node=quiet_node, image=image, profile=PROFILE, kills=KillLog()
        ) as container,
    ):
        container.attachment = await pool.acquire()
        await container.create()
        await container.start()
        found = await asyncio.gather(
            *(container.invoke(invoker, {"name": str(number)}) for number in range(8))
        )
        assert [invocation.status for invocation in found] == [200] * 8
        assert [invocation.first for invocation in found].count(True) == 1
        for number, invocation in enumerate(found):
            assert json.loads(invocation.body)["body"]["greeting"] == f"Hello {number} from python"
        await remove_container(container)
