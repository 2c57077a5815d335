"""Which committed snapshot is the top layer of which image: what the content store says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.oci.image_import import chain_ids
from iluvatar_bench.containerd.services.images import ImageRecord
from iluvatar_bench.errors import ContainerdError


async def top_snapshots(
    client: Client, images: Sequence[ImageRecord], content: Mapping[str, Mapping[str, str]]
) -> dict[str, tuple[str, ...]]:
    """Image name to the chain IDs of its top layers, one for each platform that is here.

    Images whose content is elsewhere, incomplete or not understood are left out.
    """
    known: dict[str, tuple[str, ...]] = {}
    for image in images:
        digest = image.target.digest
        if digest not in known:
            known[digest] = tuple([top async for top in _tops(client, digest, content)])
    return {image.name: known[image.target.digest] for image in images}


async def _tops(
    client: Client, digest: str, content: Mapping[str, Mapping[str, str]], *, depth: int = 0
) -> AsyncIterator[str]:
    """The chain IDs below a manifest or an index (an index of indexes is as deep as they get)."""
    document = await _document(client, digest, content)
    if depth < 3:
        for entry in _entries(document, "manifests"):
            async for top in _tops(client, entry, content, depth=depth + 1):
                yield top
    config = document.get("config")
    if isinstance(config, dict):
        inner = await _document(client, str(config.get("digest", "")), content)
        root = inner.get("rootfs")
        diff_ids = root.get("diff_ids") if isinstance(root, dict) else None
        if isinstance(diff_ids, list) and diff_ids:
            yield list(chain_ids([str(diff_id) for diff_id in diff_ids]))[-1]


async def _document(
    client: Client, digest: str, content: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    if digest not in content:
        return {}
    try:
        document = json.loads(await client.content.read(digest))
    except (ContainerdError, ValueError):
        # Gone meanwhile, or damaged: nothing is claimed about such an image.
        return {}
    return document if isinstance(document, dict) else {}


def _entries(document: Mapping[str, Any], field: str) -> list[str]:
    listed = document.get(field)
    entries = listed if isinstance(listed, list) else []
    return [
        str(entry["digest"]) for entry in entries if isinstance(entry, dict) and "digest" in entry
    ]
