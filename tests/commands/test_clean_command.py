"""`clean` after a kill -9: everything of ours goes, and nothing of anybody else."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from iluvatar_bench.containerd.client import connect
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage, import_layout
from iluvatar_bench.functions import BuiltImage
from iluvatar_bench.host.kernel.mounts import read_mountinfo
from iluvatar_bench.host.network import bridge
from iluvatar_bench.host.network.bridge_use import BridgePlace
from iluvatar_bench.host.network.network_residue import holdings
from iluvatar_bench.host.network.ownership import NETWORK_HOME, Owner
from iluvatar_bench.lifecycle import KillLog, remove_container
from iluvatar_bench.lifecycle.container import Container
from iluvatar_bench.profiles import PRESETS
from tests.containerd.test_daemon import traces_of
from tests.support.networks import needs_root

pytestmark = [pytest.mark.daemon, *needs_root(bridge=True)]

HOLDER = """
import asyncio, sys
from ipaddress import IPv4Network
from pathlib import Path
from iluvatar_bench.containerd.daemon.private import existing_daemon
from iluvatar_bench.containerd.oci.image_import import import_layout
from iluvatar_bench.host.network.attachment import NetworkSettings
from iluvatar_bench.host.network.networks import open_network
from iluvatar_bench.lifecycle import PRESETS, KillLog
from iluvatar_bench.lifecycle.container import Container

async def main(address, layout, bridge):
    settings = NetworkSettings(subnet=IPv4Network("10.208.3.0/26"), bridge=bridge)
    async with existing_daemon(Path(address)) as node, open_network(settings) as network:
        image = await import_layout(
            node.client, Path(layout), name="x", snapshotters=["overlayfs"])
        kills = KillLog()
        for number in range(20):
            container = Container(
                f"held-{number}", node=node, image=image, profile=PRESETS["guarded"], kills=kills)
            container.attachment = await network.attach()
            await container.create()
            await node.client.tasks.start(container.id)
        print(node.id, flush=True)
        await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_twenty_containers_of_a_killed_process_go_and_a_bystander_stays(
    quiet_node: Node, hello: BuiltImage
) -> None:
    """The node of the test plays somebody's containerd; the bystander is in another namespace."""
    async with connect(quiet_node.address, namespace="somebody-else") as other:
        theirs = replace(quiet_node, id="somebody", client=other)
        image: ImportedImage = await import_layout(
            other, hello.layout, name=hello.name, snapshotters=["overlayfs"]
        )
        bystander = Container(
            "bystander", node=theirs, image=image, profile=PRESETS["guarded"], kills=KillLog()
        )
        await bystander.create()
        await bystander.start()
        bridge_name = f"ilbt{secrets.token_hex(3)}"
        place_id = await asyncio.to_thread(
            _hold_and_die, quiet_node.address, hello.layout, bridge_name
        )
        held = await quiet_node.client.tasks.list()
        assert len(held) == 20
        place = BridgePlace(bridge_name, NETWORK_HOME / "bridges" / bridge_name)
        veths = bridge.ports(bridge_name)
        assert len(veths) == len(place.reservations()) == 20
        owner = Owner(next(iter(place.reservations().values())).split("-")[1], NETWORK_HOME)
        assert len([n for n in holdings().namespaces if owner.owns(n)]) == 20
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", "from iluvatar_bench.commands.app import main; main()", "clean"],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert place_id in done.stdout
        assert await quiet_node.client.tasks.list() == ()
        assert await quiet_node.client.containers.list() == ()
        assert not [m for m in read_mountinfo() if "/held-" in m.mount_point]
        assert not traces_of(place_id)
        assert not bridge.exists_bridge(bridge_name)
        assert not [name for name in veths if bridge.exists_bridge(name)]
        assert not place.folder.exists()
        assert not [n for n in holdings().namespaces if owner.owns(n)]
        await bystander.stay_alive(0.2)
        await remove_container(bystander)
        bystander.close()


def _hold_and_die(address: Path, layout: Path, bridge_name: str) -> str:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(address), str(layout), bridge_name],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    with child.stdout:
        place_id = child.stdout.readline().strip()
    assert place_id
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    return place_id
