"""Clients that import an image into a containerd: rightly, and without what holds its parts.

python -m tests.support.import_client WAY LAYOUT NAME
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from iluvatar_bench.containerd.channel import Channel
from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.oci.image_import import import_layout, read_layout
from iluvatar_bench.containerd.services.images import ImageRecord


async def rightly(client: Client, folder: Path, name: str) -> None:
    await import_layout(client, folder, name=name, snapshotters=["overlayfs"])


async def unheld(client: Client, folder: Path, name: str) -> None:
    """No lease and no labels: each blob is there until the next collection."""
    layout = read_layout(folder)
    for part in (*layout.layers, layout.config_descriptor, layout.manifest_descriptor):
        await client.content.write(part, layout.blob(part))
    await client.images.put(ImageRecord(name=name, target=layout.manifest_descriptor))


async def main(way: str, folder: str, name: str) -> None:
    address = Path(os.environ["CONTAINERD_ADDRESS"])
    async with Channel(address, namespace=os.environ["CONTAINERD_NAMESPACE"]) as channel:
        client = Client(channel)
        if way == "rightly":
            await rightly(client, Path(folder), name)
        else:
            await unheld(client, Path(folder), name)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
