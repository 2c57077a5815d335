"""What ``docker save`` wrote before Docker 25: a list of images, layers as tars, no manifest.

The manifest is made here. A layer's only checksum is its diff ID in the configuration, whose own
checksum is its file's name.
https://github.com/moby/moby/blob/v24.0.0/image/spec/spec.md
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zlib
from pathlib import PurePosixPath

from pydantic import ValidationError

from iluvatar_bench.containerd.oci.archive_spool import LIMITS, Member, Spool
from iluvatar_bench.containerd.oci.documents import (
    SAVED_IMAGES,
    ConfigDocument,
    SavedImage,
    problem,
)
from iluvatar_bench.containerd.oci.media_types import (
    LAYER_GZIP,
    LAYER_TAR,
    OCI_CONFIG,
    OCI_MANIFEST,
    layer_type,
)
from iluvatar_bench.containerd.oci.oci_archive import ChosenImage, choose_by_name
from iluvatar_bench.containerd.oci.tar_stream import CHUNK_BYTES
from iluvatar_bench.errors import ImageError

_DIGEST_NAME = re.compile(r"[0-9a-f]{64}")


def choose_docker(spool: Spool, *, name: str | None) -> ChosenImage:
    """The one image, or the one of that name.

    Raises:
        ImageError: there are several and no name; or a part is missing or damaged.
    """
    entries = _saved(spool)
    images: dict[str, SavedImage] = {}
    for entry in entries:
        for tag in entry.tags or ("",):
            images[tag] = entry
    if len(entries) == 1 and name is None:
        # One image of several names is one image all the same.
        images = dict([next(iter(images.items()))])
    chosen = choose_by_name(spool, images, name)
    if chosen is None:
        raise ImageError(f"{spool.archive}: manifest.json lists no image")
    tag = name or next(known for known, entry in images.items() if entry is chosen)
    return _read_image(spool, chosen, tag)


def _saved(spool: Spool) -> tuple[SavedImage, ...]:
    member = spool.require("manifest.json")
    try:
        return SAVED_IMAGES.validate_json(spool.bytes_of(member))
    except ValidationError as error:
        raise ImageError(
            f"{spool.where(member)} is not of the form docker save writes: it {problem(error)}"
        ) from error


def _read_image(spool: Spool, entry: SavedImage, name: str) -> ChosenImage:
    config_member = spool.require(entry.config)
    stated = PurePosixPath(entry.config).name.removesuffix(".json")
    if _DIGEST_NAME.fullmatch(stated) and config_member.digest != f"sha256:{stated}":
        raise ImageError(
            f"{spool.archive}: configuration sha256:{stated} is damaged: "
            f"its digest is {config_member.digest}"
        )
    config = spool.document(ConfigDocument, config_member)
    if config.rootfs is None:
        raise ImageError(f"{spool.archive}: {config_member.name} lists no diff IDs")
    layers = [spool.require(layer) for layer in entry.layers]
    # That there are as many of both is checked with what all archives have in common.
    types = [
        _checked_type(spool, layer, diff_id)
        for layer, diff_id in zip(layers, config.diff_ids, strict=False)
    ]
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": _descriptor(OCI_CONFIG, config_member),
        "layers": [_descriptor(t, layer) for t, layer in zip(types, layers, strict=False)],
    }
    return ChosenImage(
        name=name,
        manifest_type=OCI_MANIFEST,
        manifest=json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode(),
        config=config,
        blobs=(config_member, *layers),
    )


def _descriptor(media_type: str, member: Member) -> dict[str, object]:
    return {"mediaType": media_type, "digest": member.digest, "size": member.size}


def _checked_type(spool: Spool, layer: Member, diff_id: str) -> str:
    """The layer's media type, once its content is the one that the configuration names.

    A zstd layer is left to the daemon, which compares when it unpacks.
    """
    media_type = layer_type(layer.path)
    if media_type == LAYER_TAR:
        found = layer.digest
    elif media_type == LAYER_GZIP:
        found = _digest_inside(spool, layer, diff_id)
    else:
        return media_type
    if found != diff_id:
        raise ImageError(
            f"{spool.archive}: layer {layer.name} is damaged: its content is {found}, "
            f"but the image's configuration says {diff_id}"
        )
    return media_type


def _digest_inside(spool: Spool, layer: Member, diff_id: str) -> str:
    digest = hashlib.sha256()
    size = 0
    try:
        with gzip.open(layer.path, "rb") as content:
            while chunk := content.read(CHUNK_BYTES):
                digest.update(chunk)
                size += len(chunk)
                if size > LIMITS.file:
                    raise ImageError(
                        f"{spool.archive}: layer {layer.name} unpacks to more than "
                        f"{LIMITS.file} bytes"
                    )
    except (EOFError, OSError, zlib.error) as error:
        raise ImageError(
            f"{spool.archive}: layer {layer.name} ({diff_id}) is cut off or damaged: {error}"
        ) from error
    return f"sha256:{digest.hexdigest()}"
