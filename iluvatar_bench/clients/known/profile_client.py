"""Our own lifecycle as a client: one container's whole life under a profile.

    python -m iluvatar_bench.clients.known.profile_client PROFILE ID IMAGE

Where the socket is says CONTAINERD_ADDRESS, the namespace CONTAINERD_NAMESPACE.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from iluvatar_bench.clients.known.image_chain import chain_of
from iluvatar_bench.containerd.client import connect
from iluvatar_bench.containerd.daemon.private import existing_daemon
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.errors import AnswerLost, IluvatarBenchError, Unreachable
from iluvatar_bench.lifecycle.container import Container, open_container
from iluvatar_bench.lifecycle.kill_log import KillLog
from iluvatar_bench.lifecycle.removal import remove_container
from iluvatar_bench.profiles import resolve_profile

_PROGRAM = "import sys, time; print('ready', file=sys.stderr, flush=True); time.sleep(60)"


async def live_once(profile: str, container_id: str, image: str) -> None:
    """Create a container, start it, wait until it is ready, and remove it.

    Raises:
        IluvatarBenchError: a part of that failed; the container is removed all the same.
    """
    address = Path(os.environ["CONTAINERD_ADDRESS"])
    async with existing_daemon(address, namespace=os.environ["CONTAINERD_NAMESPACE"]) as node:
        imported = ImportedImage(
            name=image,
            digest="",
            chain_id=await chain_of(node.client, image),
            args=("python3", "-S", "-E", "-c", _PROGRAM),
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
                await _removed(container)


async def _removed(container: Container) -> None:
    """Remove it; where the daemon went away meanwhile, again once it answers, as a run does."""
    try:
        await remove_container(container)
    except (AnswerLost, Unreachable):
        async with connect(container.node.address, namespace=container.node.client.namespace):
            await remove_container(container)
        raise


if __name__ == "__main__":
    try:
        asyncio.run(live_once(*sys.argv[1:]))
    except IluvatarBenchError as error:
        sys.exit(str(error))
