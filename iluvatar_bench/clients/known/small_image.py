"""An OCI image archive whose content no other has, for a client that imports one.

    python -m iluvatar_bench.clients.known.small_image NAME FILE

Each run of a client under test imports an image of its own: content that is there already would not
be written again, and what one run leaves could not be told from another's. The format: OCI image
layout 1.0.0 (opencontainers/image-spec, image-layout.md); ``io.containerd.image.name`` is what
containerd's importer takes for the name (containerd 1.6, images/annotations.go).
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path
from typing import Any

from iluvatar_bench.containerd.oci import media_types
from iluvatar_bench.containerd.oci.platforms import host_platform

LAYERS = 2


def write_archive(path: Path, name: str) -> None:
    """Write an image ``name`` of two small layers, each with one file that says ``name``.

    Raises:
        OSError: the file cannot be written.
    """
    blobs: dict[str, bytes] = {}

    def blob(data: bytes, media_type: str, **more: Any) -> dict[str, Any]:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        blobs[digest] = data
        return {"mediaType": media_type, "digest": digest, "size": len(data), **more}

    layers = [
        blob(_layer(f"layer-{number}", name), media_types.LAYER_TAR) for number in range(LAYERS)
    ]
    config = {
        "os": "linux",
        "architecture": host_platform().architecture,
        "config": {"Cmd": ["/nothing"]},
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "config": blob(json.dumps(config).encode(), media_types.OCI_CONFIG),
        "layers": layers,
    }
    top = blob(
        json.dumps(manifest).encode(),
        media_types.OCI_MANIFEST,
        annotations={media_types.NAME_ANNOTATION: name},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        _add(archive, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _add(archive, "index.json", json.dumps({"schemaVersion": 2, "manifests": [top]}).encode())
        for digest, data in blobs.items():
            _add(archive, f"blobs/{digest.replace(':', '/')}", data)


def _layer(file: str, text: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        _add(archive, file, text.encode())
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


if __name__ == "__main__":
    write_archive(Path(sys.argv[2]), sys.argv[1])
