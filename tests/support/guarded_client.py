"""Our own lifecycle as a client of one container: its whole life under a profile.

python -m tests.support.guarded_client PROFILE ID IMAGE
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from iluvatar_bench.containerd.client import connect
from iluvatar_bench.containerd.daemon.private import existing_daemon
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.errors import AnswerLost, Unreachable
from iluvatar_bench.lifecycle.container import Container, open_container
from iluvatar_bench.lifecycle.kill_log import KillLog
from iluvatar_bench.lifecycle.removal import remove_container
from iluvatar_bench.profiles import resolve_profile
from tests.support.raw_client import chain_of

PROGRAM = "import sys, time; print('ready', file=sys.stderr, flush=True); time.sleep(60)"


async def removed(container: Container) -> None:
    """Remove it; where the daemon went away meanwhile, again once it answers, as a run does."""
    try:
        await remove_container(container)
    except (AnswerLost, Unreachable):
        async with connect(container.node.address, namespace=container.node.client.namespace):
            await remove_container(container)
        raise


async def main(profile: str, container_id: str, image: str) -> None:
    address = Path(os.environ["CONTAINERD_ADDRESS"])
    async with existing_daemon(address, namespace=os.environ["CONTAINERD_NAMESPACE"]) as node:
        chain_id = await chain_of(node.client, image)
        imported = ImportedImage(
            name=image,
            digest="",
            chain_id=chain_id,
            args=("python3", "-S", "-E", "-c", PROGRAM),
            env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
            cwd="/",
            ready_text="ready",
        )
        async with open_container(
            container_id,
            node=node,
            image=imported,
            profile=resolve_profile(profile, ()),
            kills=KillLog(),
        ) as container:
            try:
                await container.create()
                await container.start()
            finally:
                await removed(container)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
