"""Image archives made by hand, byte by byte, so that each can be damaged in one place."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from iluvatar_bench.containerd.oci import media_types as m
from iluvatar_bench.containerd.oci.platforms import host_platform

Descriptor = dict[str, Any]

FOREIGN = "s390x"
"""An architecture that no host of ours has."""


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def layer(name: str, content: bytes) -> bytes:
    """A layer's tar with one file in it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


TWO_LAYERS = (layer("etc/one", b"1" * 3000), layer("etc/two", b"2" * 5000))


def compressed(data: bytes, how: str) -> bytes:
    if how == "gzip":
        return gzip.compress(data, mtime=0)
    if how == "zstd":
        return subprocess.run(["zstd", "-c"], input=data, capture_output=True, check=True).stdout
    return data


def configuration(
    layers: tuple[bytes, ...] = TWO_LAYERS, *, architecture: str = "", **process: Any
) -> bytes:
    host = host_platform()
    document = {
        "os": "linux",
        "architecture": architecture or host.architecture,
        "config": {"Env": ["A=b"], "Cmd": ["/bin/x"], "Entrypoint": None, **process},
        "rootfs": {"type": "layers", "diff_ids": [digest(data) for data in layers]},
    }
    return json.dumps(document).encode()


class OciDraft:
    """The files of an OCI layout that is to become an archive."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}

    def blob(self, data: bytes, media_type: str, **more: Any) -> Descriptor:
        name = digest(data)
        self.files[f"blobs/{name.replace(':', '/')}"] = data
        return {"mediaType": media_type, "digest": name, "size": len(data), **more}

    def manifest(
        self,
        layers: tuple[bytes, ...] = TWO_LAYERS,
        *,
        how: str = "plain",
        architecture: str = "",
        docker_types: bool = False,
        config: bytes | None = None,
        **more: Any,
    ) -> Descriptor:
        """Add an image; ``more`` goes into its descriptor."""
        suffixes = {"plain": "", "gzip": "+gzip", "zstd": "+zstd"}
        types = (m.LAYER_TAR + suffixes[how], m.OCI_CONFIG, m.OCI_MANIFEST)
        if docker_types:
            types = (
                m.DOCKER_LAYER_TAR + suffixes[how].replace("+", "."),
                m.DOCKER_CONFIG,
                m.DOCKER_MANIFEST,
            )
        config = config or configuration(layers, architecture=architecture)
        document = {
            "schemaVersion": 2,
            "mediaType": types[2],
            "config": self.blob(config, types[1]),
            "layers": [self.blob(compressed(data, how), types[0]) for data in layers],
        }
        return self.blob(json.dumps(document).encode(), types[2], **more)

    def index(self, *entries: Descriptor, **more: Any) -> Descriptor:
        """Add an index of the entries."""
        document = {"schemaVersion": 2, "mediaType": m.OCI_INDEX, "manifests": entries}
        return self.blob(json.dumps(document).encode(), m.OCI_INDEX, **more)

    def top(self, *entries: Descriptor) -> OciDraft:
        """Say what ``index.json`` lists."""
        self.files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": entries}).encode()
        return self


def platform_of(architecture: str = "", variant: str = "") -> Mapping[str, str]:
    host = host_platform()
    fields = {"os": "linux", "architecture": architecture or host.architecture}
    return {**fields, "variant": variant} if variant else fields


def docker_files(
    layers: tuple[bytes, ...] = TWO_LAYERS,
    *,
    how: str = "plain",
    tags: tuple[str, ...] = ("tiny:1",),
    config: bytes | None = None,
) -> dict[str, bytes]:
    """The files that ``docker save`` writes."""
    config = config or configuration(layers)
    name = digest(config).removeprefix("sha256:")
    files = {f"{name}.json": config}
    folders = []
    for number, data in enumerate(layers):
        folder = hashlib.sha256(data + bytes([number])).hexdigest()
        folders.append(f"{folder}/layer.tar")
        files[folders[-1]] = compressed(data, how)
        files[f"{folder}/VERSION"] = b"1.0"
    entry = {"Config": f"{name}.json", "RepoTags": list(tags), "Layers": folders}
    files["manifest.json"] = json.dumps([entry]).encode()
    return files


def write(path: Path, files: Mapping[str, bytes], *, mode: str = "w") -> Path:
    """The files as a tar archive at ``path``."""
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path
