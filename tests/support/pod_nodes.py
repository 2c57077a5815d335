"""A private containerd with the CRI plugin, and the image that its pods stand on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from iluvatar_bench.clients.check.pause_image import NAME, write_pause_layout
from iluvatar_bench.containerd.daemon.private import Node, private_daemon
from iluvatar_bench.containerd.oci.image_import import import_layout
from iluvatar_bench.containerd.services.pods import NAMESPACE, Pods
from iluvatar_bench.functions import build_image, load_function
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR

POD_IMAGE = NAME


@asynccontextmanager
async def pod_node(folder: Path) -> AsyncIterator[Node]:
    """The node, seen in the plugin's namespace; it collects only when it is forced to."""
    layout = folder / "layout"
    await asyncio.to_thread(write_pause_layout, layout, build_image(load_function("hello")).layout)
    async with private_daemon(collector=QUIET_COLLECTOR, sandbox_image=NAME) as node:
        client = node.client.under(NAMESPACE)
        await client.namespaces.ensure(NAMESPACE)
        await import_layout(client, layout, name=NAME, snapshotters=["overlayfs"])
        await Pods(client.channel).wait_for_image(NAME)
        yield replace(node, client=client)
