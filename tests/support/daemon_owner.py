"""A program that owns a private containerd until it is killed.

``python -m tests.support.daemon_owner LAYOUT CONTAINERS [BRIDGE]`` prints a word and what belongs
to it on a line each: ``place ID``, ``creating NAME`` just before each Tasks.Create is sent,
``running PID``, ``ready``. With a bridge every container is attached to it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Network
from pathlib import Path

from iluvatar_bench.containerd.daemon.private import private_daemon
from iluvatar_bench.containerd.oci.image_import import import_layout
from iluvatar_bench.host.network.attachment import NetworkMode, NetworkSettings
from iluvatar_bench.host.network.networks import Network, open_network
from iluvatar_bench.lifecycle import KillLog
from iluvatar_bench.lifecycle.container import Container
from iluvatar_bench.profiles import PRESETS
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


@asynccontextmanager
async def network_on(bridge: str) -> AsyncIterator[Network | None]:
    if not bridge:
        yield None
        return
    settings = NetworkSettings(
        mode=NetworkMode.BRIDGE,
        subnet=IPv4Network(f"10.206.{int(bridge[-2:], 16)}.0/26"),
        bridge=bridge,
    )
    async with open_network(settings) as network:
        yield network


async def main(layout: str, containers: str, bridge: str = "") -> None:
    async with network_on(bridge) as network, private_daemon(collector=QUIET_COLLECTOR) as node:
        say("place", node.id)
        image = await import_layout(node.client, Path(layout), name="x", snapshotters=["overlayfs"])

        async def run(number: int) -> None:
            container = Container(
                f"held-{number}",
                node=node,
                image=image,
                profile=PRESETS["guarded"],
                kills=KillLog(),
            )
            if network is not None:
                container.attachment = await network.attach()
            say("creating", container.id)
            await container.create()
            await node.client.tasks.start(container.id)
            say("running", container.pid)

        async with asyncio.TaskGroup() as group:
            for number in range(int(containers)):
                group.create_task(run(number))
        say("ready")
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
