"""An image unpacked without a lease and without a label, and the container that stands on it.

The order of wendylabsinc/WendyOS before April 2026 (go/internal/agent/containerd/unpack.go, lines
65 to 130, commit 2476cc3): for each layer Stat, Prepare, Apply, Commit. Nothing holds a committed
layer until the next one stands on it, and nothing the last one until the container's own does.
"""

from __future__ import annotations

import json
from functools import partial

from iluvatar_bench.clients.known.plain_container import PlainContainer
from iluvatar_bench.containerd.oci.image_import import chain_ids
from iluvatar_bench.containerd.values import Descriptor
from iluvatar_bench.errors import AlreadyExists
from iluvatar_bench.host.first_error import cleaned_up


async def unpack_unheld(container: PlainContainer) -> None:
    """Unpack its image, and make the container's snapshot and record in the right order.

    No process is started: the image has none. The layers are left to the collector.
    """
    client, snapshots = container.client, container.snapshots
    target = (await client.images.get(container.image)).target
    manifest = json.loads(await client.content.read(target.digest))
    config = json.loads(await client.content.read(manifest["config"]["digest"]))
    parent = ""
    for layer, chain in zip(
        manifest["layers"], chain_ids(config["rootfs"]["diff_ids"]), strict=True
    ):
        if not await snapshots.exists(chain):
            key = f"extract-{container.id}-{chain[-12:]}"
            await _unpack_layer(container, layer, key=key, chain=chain, parent=parent)
        parent = chain
    async with cleaned_up(container.remove, only_after_failure=True):
        await container.record(key=container.id)
        await container.prepare()
        await container.remove()


async def _unpack_layer(
    container: PlainContainer, layer: dict[str, str], *, key: str, chain: str, parent: str
) -> None:
    snapshots = container.snapshots
    mounts = await snapshots.prepare(key, parent=parent)
    blob = Descriptor(
        media_type=layer["mediaType"], digest=layer["digest"], size=int(layer["size"])
    )
    async with cleaned_up(partial(snapshots.remove, key), only_after_failure=True):
        await container.client.diff.apply(blob, mounts)
        try:
            await snapshots.commit(chain, key=key)
        except AlreadyExists:
            await snapshots.remove(key)
