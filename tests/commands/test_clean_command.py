"""`clean` after a kill -9: everything of ours goes, and nothing of anybody else."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from iluvatar_bench.containerd.client import connect
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage, import_layout
from iluvatar_bench.functions import BuiltImage
from iluvatar_bench.host.kernel import processes
from iluvatar_bench.host.kernel.mounts import read_mountinfo
from iluvatar_bench.host.network import bridge
from iluvatar_bench.host.network.bridge_use import BridgePlace
from iluvatar_bench.host.network.network_residue import holdings
from iluvatar_bench.host.network.ownership import NETWORK_HOME, Owner
from iluvatar_bench.lifecycle import KillLog, remove_container
from iluvatar_bench.lifecycle.container import Container
from iluvatar_bench.profiles import PRESETS
from tests.support.command import own_process
from tests.support.networks import needs_root
from tests.support.traces import traces_after
from tests.support.watchdogs import watchdogs_of

pytestmark = [pytest.mark.daemon, *needs_root(bridge=True)]

HOLDER = """
import asyncio, sys
from ipaddress import IPv4Network
from pathlib import Path
from iluvatar_bench.containerd.daemon.private import existing_daemon
from iluvatar_bench.containerd.oci.image_import import import_layout
from iluvatar_bench.host.network.attachment import NetworkSettings
from iluvatar_bench.host.network.networks import open_network
from iluvatar_bench.lifecycle import KillLog
from iluvatar_bench.lifecycle.container import Container
from iluvatar_bench.profiles import PRESETS

async def main(address, layout, bridge, containers):
    subnet = IPv4Network(f"10.207.{int(bridge[-2:], 16)}.0/26")
    settings = NetworkSettings(subnet=subnet, bridge=bridge)
    async with existing_daemon(Path(address)) as node, open_network(settings) as network:
        image = await import_layout(
            node.client, Path(layout), name="x", snapshotters=["overlayfs"])
        kills = KillLog()
        for number in range(int(containers)):
            container = Container(
                f"held-{bridge}-{number}", node=node, image=image, kills=kills,
                profile=PRESETS["guarded"])
            container.attachment = await network.attach()
            await container.create()
            await node.client.tasks.start(container.id)
        print(node.id, flush=True)
        await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize(("by", "containers"), [("clean", 20), ("watchdog", 5)])
async def test_the_containers_of_a_killed_process_go_and_a_bystander_stays(
    quiet_node: Node, quick_hello: BuiltImage, by: str, containers: int
) -> None:
    """The node of the test plays somebody's containerd; the bystander is in another namespace.

    The names are this test's own: runc keeps its state by namespace and name for all containerds
    of a host (/run/containerd/runc), and refuses a name that another one's container has.
    """
    bridge_name = f"ilbt{secrets.token_hex(3)}"
    async with connect(quiet_node.address, namespace="somebody-else") as other:
        theirs = replace(quiet_node, id="somebody", client=other)
        image: ImportedImage = await import_layout(
            other, quick_hello.layout, name=quick_hello.name, snapshotters=["overlayfs"]
        )
        bystander = Container(
            f"bystander-{bridge_name}",
            node=theirs,
            image=image,
            profile=PRESETS["guarded"],
            kills=KillLog(),
        )
        await bystander.create()
        await bystander.start()
        child, place_id = await asyncio.to_thread(
            _hold, quiet_node.address, quick_hello.layout, bridge_name, containers
        )
        held = await quiet_node.client.tasks.list()
        assert len(held) == containers
        place = BridgePlace(bridge_name, NETWORK_HOME / "bridges" / bridge_name)
        veths = bridge.ports(bridge_name)
        assert len(veths) == len(place.reservations()) == containers
        owner = Owner(next(iter(place.reservations().values())).split("-")[1], NETWORK_HOME)
        assert len([n for n in holdings().namespaces if owner.owns(n)]) == containers
        if by == "clean":
            await asyncio.to_thread(_die_with_watchdog, child, place_id)
            done = await asyncio.to_thread(own_process, "clean")
            assert done.returncode == 0, done.stderr
            assert place_id in done.stdout
        else:
            child.kill()
            child.wait()
        assert await asyncio.to_thread(traces_after, place_id) == []
        assert await quiet_node.client.tasks.list() == ()
        assert await quiet_node.client.containers.list() == ()
        assert not [m for m in read_mountinfo() if f"/held-{bridge_name}-" in m.mount_point]
        assert not bridge.exists_bridge(bridge_name)
        assert not [name for name in veths if bridge.exists_bridge(name)]
        assert not place.folder.exists()
        assert not [n for n in holdings().namespaces if owner.owns(n)]
        await bystander.stay_alive(0.2)
        await remove_container(bystander)
        bystander.close()


def _hold(
    address: Path, layout: Path, bridge_name: str, containers: int
) -> tuple[subprocess.Popen[str], str]:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(address), str(layout), bridge_name, str(containers)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    with child.stdout:
        place_id = child.stdout.readline().strip()
    assert place_id
    return child, place_id


def _die_with_watchdog(child: subprocess.Popen[str], place_id: str) -> None:
    ((watchdog, watched),) = watchdogs_of(child.pid).items()
    assert watched == place_id
    assert processes.end(lambda: [watchdog]) == ()
    child.kill()
    child.wait()
