"""The image of a pod's sandbox: this host's Python, whose process waits.

A copy of a function's layout with another process in its configuration. Nothing is pulled.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from iluvatar_bench.containerd.oci.image_import import blob_path, read_layout

NAME = "docker.io/iluvatar-bench/pause:1"
"""With a registry's host in front, as the CRI plugin puts it before every name that has none."""

_PROCESS = ("python3", "-S", "-E", "-c", "import signal; signal.pause()")


def write_pause_layout(folder: Path, layout: Path) -> None:
    """Write to ``folder``, which is not there yet, the image of ``layout`` with a process that
    waits until it is killed.

    Raises:
        ImageError: the layout is damaged.
        OSError: it cannot be written.
    """
    source = read_layout(layout)
    shutil.copytree(layout, folder)
    config = json.loads(source.blob(source.config_descriptor).read_bytes())
    process = config.setdefault("config", {})
    process["Entrypoint"], process["Cmd"] = None, list(_PROCESS)
    manifest = json.loads(source.blob(source.manifest_descriptor).read_bytes())
    manifest["config"] |= _stored(folder, config)
    index = json.loads((folder / "index.json").read_bytes())
    index["manifests"][0] |= _stored(folder, manifest)
    (folder / "index.json").write_text(json.dumps(index))


def _stored(folder: Path, document: dict[str, Any]) -> dict[str, Any]:
    data = json.dumps(document).encode()
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    blob_path(folder, digest).write_bytes(data)
    return {"digest": digest, "size": len(data)}
