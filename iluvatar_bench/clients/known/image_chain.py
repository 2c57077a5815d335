"""The snapshot that a container of an imported image stands on."""

from __future__ import annotations

import json

from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.oci.image_import import chain_ids
from iluvatar_bench.errors import ImageError


async def chain_of(client: Client, image: str) -> str:
    """The chain id of an image's last layer, by which its unpacked snapshot is named.

    Raises:
        ImageError: there is no image of this name.
    """
    target = {record.name: record.target for record in await client.images.list()}.get(image)
    if target is None:
        raise ImageError(f"no image {image} in namespace {client.namespace}")
    manifest = json.loads(await client.content.read(target.digest))
    config = json.loads(await client.content.read(manifest["config"]["digest"]))
    return list(chain_ids(config["rootfs"]["diff_ids"]))[-1]
