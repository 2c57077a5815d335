"""A container's changes as one more layer of its image: under a lease, and with labels, or without.

What holds the parts together is set before the lease goes, as for an import. A commit that forgets
the labels leaves a name and a manifest whose configuration and layers the next collection removes.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.oci.image_import import (
    CONTENT_LABEL,
    SNAPSHOT_LABEL,
    ImportedImage,
    chain_ids,
    unpack_layer,
)
from iluvatar_bench.containerd.oci.media_types import LAYER_GZIP, OCI_CONFIG, OCI_MANIFEST
from iluvatar_bench.containerd.services.images import ImageRecord
from iluvatar_bench.containerd.values import Descriptor
from iluvatar_bench.host.first_error import cleaned_up

UNCOMPRESSED_LABEL = "containerd.io/uncompressed"
"""Of a layer's blob that Diff.Diff makes: its diff ID (containerd, diff/walking/differ.go)."""


async def commit_container(
    client: Client,
    base: ImportedImage,
    *,
    snapshotter: str,
    snapshot_key: str,
    name: str,
    labelled: bool = True,
) -> ImportedImage:
    """Store the image ``name``: ``base`` with what the snapshot ``snapshot_key`` has otherwise.

    The container may run on; what it is writing meanwhile may be torn. Without ``labelled`` nothing
    but its name holds the image: containers can be made from it until the next collection.

    Raises:
        NotFound: the snapshot, or content of the base, is gone.
        ContainerdError: containerd refused a part.
    """
    snapshots = client.snapshots(snapshotter)
    async with AsyncExitStack() as stack:
        lease = await stack.enter_async_context(client.leases.hold("commit"))
        view = f"commit-{secrets.token_hex(6)}"
        await stack.enter_async_context(cleaned_up(partial(snapshots.remove, view)))
        lower = await snapshots.view(view, parent=base.chain_id, lease=lease)
        upper = await snapshots.mounts(snapshot_key)
        layer = await client.diff.make(lower, upper, ref=view, media_type=LAYER_GZIP, lease=lease)
        diff_id = (await client.content.labels(layer.digest))[UNCOMPRESSED_LABEL]
        manifest = json.loads(await client.content.read(base.digest))
        config = json.loads(await client.content.read(manifest["config"]["digest"]))
        config = _with_layer(config, diff_id)
        *_, chain = chain_ids(config["rootfs"]["diff_ids"])
        if not await snapshots.exists(chain):
            await unpack_layer(
                client, snapshots, layer, diff_id, chain, parent=base.chain_id, lease=lease
            )
        held = {f"{SNAPSHOT_LABEL}.{snapshotter}": chain} if labelled else {}
        stored = await _store(client, OCI_CONFIG, config, labels=held, lease=lease)
        layers = [*manifest["layers"], _document(layer)]
        manifest = {**manifest, "config": _document(stored), "layers": layers}
        parts = [part["digest"] for part in (manifest["config"], *layers)]
        held = {f"{CONTENT_LABEL}.{n}": part for n, part in enumerate(parts)} if labelled else {}
        target = await _store(client, OCI_MANIFEST, manifest, labels=held, lease=lease)
        await client.images.put(ImageRecord(name=name, target=target))
    return ImportedImage(
        name=name,
        digest=target.digest,
        chain_id=chain,
        args=base.args,
        env=base.env,
        cwd=base.cwd,
        ready_text=base.ready_text,
    )


async def require_whole(client: Client, name: str) -> None:
    """Refuse an image of which a part is gone.

    Raises:
        NotFound: there is no such image, or its manifest, configuration or a layer is gone.
    """
    record = await client.images.get(name)
    manifest = json.loads(await client.content.read(record.target.digest))
    for part in (manifest["config"], *manifest["layers"]):
        await client.content.labels(part["digest"])


def _with_layer(config: dict[str, Any], diff_id: str) -> dict[str, Any]:
    root = {**config["rootfs"], "diff_ids": [*config["rootfs"]["diff_ids"], diff_id]}
    history = [*config.get("history", []), {"created_by": "iluvatar-bench commit"}]
    return {**config, "rootfs": root, "history": history}


async def _store(
    client: Client, media_type: str, document: dict[str, Any], *, labels: dict[str, str], lease: str
) -> Descriptor:
    content = json.dumps(document).encode()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    descriptor = Descriptor(media_type=media_type, digest=digest, size=len(content))
    await client.content.write(descriptor, content, labels=labels, lease=lease)
    return descriptor


def _document(descriptor: Descriptor) -> dict[str, Any]:
    return {
        "mediaType": descriptor.media_type,
        "digest": descriptor.digest,
        "size": descriptor.size,
    }
