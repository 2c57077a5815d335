"""A port that somebody else takes between its choice and the function's start (network=host)."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import get_args

import pytest

from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import import_layout
from iluvatar_bench.functions import BuildOptions, build_image, load_function
from iluvatar_bench.functions.build_options import Server
from iluvatar_bench.host.network.attachment import Attachment, NetworkMode, NetworkSettings
from iluvatar_bench.host.network.network_pool import NetworkPool, open_pool
from iluvatar_bench.host.network.networks import HostNetwork, open_network
from iluvatar_bench.lifecycle import KillLog
from iluvatar_bench.plans import PlannedTrial
from iluvatar_bench.runs.trial import Setting, run_trial
from tests.support.quick_profiles import quick

pytestmark = pytest.mark.daemon


class Robbed(HostNetwork):
    """Each port that it chooses is taken before the caller has it."""

    def __init__(self) -> None:
        super().__init__()
        self.thieves: list[socket.socket] = []

    async def attach(self) -> Attachment:
        attachment = await super().attach()
        self.thieves.append(socket.create_server((attachment.address, attachment.port)))
        return attachment


@asynccontextmanager
async def robbed_pool() -> AsyncIterator[NetworkPool]:
    network = Robbed()
    async with open_pool(network, size=0) as pool:
        yield pool
    for thief in network.thieves:
        thief.close()


@pytest.mark.parametrize("server", get_args(Server))
async def test_a_busy_port_is_named_in_one_line_and_is_not_the_functions_fault(
    server: str, quiet_node: Node
) -> None:
    built = build_image(load_function("hello"), BuildOptions(server=server))
    image = await import_layout(
        quiet_node.client, built.layout, name=built.name, snapshotters=["overlayfs"]
    )
    profile = quick("guarded", ["network=host", "collection=quiet", f"server={server}"])
    async with robbed_pool() as pool:
        setting = Setting("test-port", quiet_node, image, profile, KillLog(), pool)
        trial = await run_trial(setting, PlannedTrial(index=0, function="hello", hold_ms=0))
    assert (trial.bug_class, trial.mechanism) == ("startup_error", "unknown")
    assert trial.error is not None
    assert "in use" in trial.error
    assert "\n" not in trial.error
    (own_error,) = trial.evidence["considered"]
    assert "another process listens at the port it was given" in own_error["objections"]


async def test_a_port_of_ones_own_is_free(quiet_node: Node) -> None:
    built = build_image(load_function("hello"))
    image = await import_layout(
        quiet_node.client, built.layout, name=built.name, snapshotters=["overlayfs"]
    )
    profile = quick("guarded", ["network=host", "collection=quiet"])
    async with (
        open_network(NetworkSettings(mode=NetworkMode.HOST)) as network,
        open_pool(network, size=0) as pool,
    ):
        setting = Setting("test-port", quiet_node, image, profile, KillLog(), pool)
        trial = await run_trial(setting, PlannedTrial(index=0, function="hello", hold_ms=0))
    assert trial.error is None
