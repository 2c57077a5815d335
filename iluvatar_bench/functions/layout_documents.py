"""The documents of an OCI layout around layers that are written: config, manifest, index."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from iluvatar_bench.containerd.oci.media_types import (
    LAYER_TAR,
    NAME_ANNOTATION,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
)
from iluvatar_bench.containerd.oci.platforms import host_platform
from iluvatar_bench.functions.layers import Blob, write_blob


def write_documents(
    layout: Path, *, layers: Sequence[Blob], process: Mapping[str, object], name: str
) -> None:
    """Complete the layout: an image of this host's platform.

    Args:
        layout: the folder; its ``blobs/sha256`` holds the layers.
        layers: plain tar archives, lowest first.
        process: the config's ``config``: ``Env``, ``Cmd``, ``WorkingDir`` and the like.
        name: what the image is called.
    """
    platform = host_platform().as_json()
    config = {
        **platform,
        "config": process,
        # The layers are plain tar, so a layer's diff ID is its digest.
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
    }
    blobs = layout / "blobs" / "sha256"
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": _descriptor(OCI_CONFIG, write_blob(blobs, _json(config))),
        "layers": [_descriptor(LAYER_TAR, layer) for layer in layers],
    }
    entry = {
        **_descriptor(OCI_MANIFEST, write_blob(blobs, _json(manifest))),
        "platform": platform,
        "annotations": {NAME_ANNOTATION: name},
    }
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (layout / "index.json").write_bytes(_json(index))


def _json(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _descriptor(media_type: str, blob: Blob) -> dict[str, object]:
    return {"mediaType": media_type, "digest": blob.digest, "size": blob.size}
