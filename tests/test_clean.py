"""`clean` after a kill -9: everything of ours goes, and nothing of anybody else."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from iluvatar_bench.containerd.client import connect
from iluvatar_bench.containerd.daemon import Node
from iluvatar_bench.containerd.image_import import ImportedImage, import_layout
from iluvatar_bench.functions import BuiltImage
from iluvatar_bench.host.mounts import read_mountinfo
from iluvatar_bench.lifecycle import PRESETS, KillLog
from iluvatar_bench.lifecycle.container import Container
from tests.containerd.test_daemon import traces_of

pytestmark = pytest.mark.daemon

HOLDER = """
import asyncio, sys
from pathlib import Path
from iluvatar_bench.containerd.daemon import existing_daemon
from iluvatar_bench.containerd.image_import import import_layout
from iluvatar_bench.lifecycle import PRESETS, KillLog
from iluvatar_bench.lifecycle.container import Container

async def main(address, layout):
    async with existing_daemon(Path(address)) as node:
        image = await import_layout(
            node.client, Path(layout), name="x", snapshotters=["overlayfs"])
        kills = KillLog()
        for number in range(20):
            container = Container(
                f"held-{number}", node=node, image=image, profile=PRESETS["guarded"], kills=kills)
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
        place_id = await asyncio.to_thread(_hold_and_die, quiet_node.address, hello.layout)
        held = await quiet_node.client.tasks.list()
        assert len(held) == 20
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", "from iluvatar_bench.cli import main; main()", "clean"],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert place_id in done.stdout
        assert await quiet_node.client.tasks.list() == ()
        assert await quiet_node.client.containers.list() == ()
        assert not [m for m in read_mountinfo() if "/held-" in m.mount_point]
        assert not traces_of(place_id)
        await bystander.stay_alive(0.2)
        await bystander.remove()
        bystander.close()


def _hold_and_die(address: Path, layout: Path) -> str:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(address), str(layout)],
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
