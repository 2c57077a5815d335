"""An OCI layout in an archive: the manifest for this host is chosen, its parts are checked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from iluvatar_bench.containerd.oci.archive_spool import Member, Spool
from iluvatar_bench.containerd.oci.media_types import (
    CONFIGS,
    INDEXES,
    LAYERS,
    MANIFESTS,
    NAME_ANNOTATION,
    REFERENCE_ANNOTATION,
)
from iluvatar_bench.containerd.oci.platforms import Platform, parse_platform
from iluvatar_bench.errors import ImageError

DEEPEST_INDEX = 4
"""Indexes in indexes; two are usual."""

T = TypeVar("T")

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ChosenImage:
    """One image of an archive, all of its parts there and checked."""

    name: str
    """Its name in the archive; empty where it has none."""
    manifest_type: str
    manifest: bytes
    config: Mapping[str, Any]
    blobs: tuple[Member, ...]
    """Configuration and layers, each under its digest."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A manifest in an index, as the index describes it."""

    name: str
    descriptor: Mapping[str, Any]
    platform: Platform


def choose_oci(spool: Spool, *, platform: Platform, name: str | None) -> ChosenImage:
    """The image for the platform; of several images the one of that name.

    Within one image the first manifest that fits is taken, as the index's order is the order of
    preference.

    Raises:
        ImageError: none fits, or several and no name; or a part is missing or damaged.
    """
    index = spool.document(spool.require("index.json"))
    candidates = [
        candidate
        for entry in _list(spool, index, "manifests", "index.json")
        for candidate in _candidates(spool, entry, name="", depth=0)
        # What somebody says about an image (an attestation) is described like one, for nothing.
        if candidate.platform.architecture != "unknown"
    ]
    fitting: dict[str, _Candidate] = {}
    for candidate in candidates:
        if candidate.platform == platform:
            fitting.setdefault(candidate.name, candidate)
    chosen = choose_by_name(spool, fitting, name)
    if chosen is None:
        offered = ", ".join(sorted({str(candidate.platform) for candidate in candidates}))
        raise ImageError(
            f"{spool.archive} holds images for {offered or 'no platform at all'}, none for this "
            f"host ({platform})"
        )
    return _read_image(spool, chosen)


def choose_by_name(spool: Spool, images: Mapping[str, T], name: str | None) -> T | None:
    """The one image, or the one of that name; None if there is none at all.

    Raises:
        ImageError: there are several and no name, or none of that name.
    """
    names = ", ".join(sorted(filter(None, images)))
    if name is not None and images:
        if name not in images:
            raise ImageError(f"{spool.archive} holds no image {name!r}; there are: {names}")
        return images[name]
    if len(images) > 1:
        raise ImageError(f"{spool.archive} holds {len(images)} images; name one of: {names}")
    return next(iter(images.values()), None)


def _candidates(
    spool: Spool, entry: Mapping[str, Any], *, name: str, depth: int
) -> Iterator[_Candidate]:
    if depth > DEEPEST_INDEX:
        raise ImageError(f"{spool.archive}: indexes lie more than {DEEPEST_INDEX} deep")
    annotations = entry.get("annotations") or {}
    name = annotations.get(NAME_ANNOTATION) or annotations.get(REFERENCE_ANNOTATION) or name
    media_type = entry.get("mediaType")
    if media_type in INDEXES:
        blob = checked_blob(spool, entry, "index")
        for child in _list(spool, spool.document(blob), "manifests", blob.name):
            yield from _candidates(spool, child, name=name, depth=depth + 1)
    elif media_type in MANIFESTS:
        stated = parse_platform(entry.get("platform") or {})
        if not stated.architecture:
            stated = _platform_of_config(spool, entry)
        yield _Candidate(name, entry, stated)


def _platform_of_config(spool: Spool, entry: Mapping[str, Any]) -> Platform:
    """What the configuration says, where the index does not; unknown for what is no image."""
    manifest = _mapping(spool, checked_blob(spool, entry, "manifest"))
    config = manifest.get("config") or {}
    if config.get("mediaType") not in CONFIGS:
        return Platform("unknown", "unknown")
    return parse_platform(_mapping(spool, checked_blob(spool, config, "configuration")))


def _read_image(spool: Spool, chosen: _Candidate) -> ChosenImage:
    blob = checked_blob(spool, chosen.descriptor, "manifest")
    manifest = _mapping(spool, blob)
    config_descriptor = manifest.get("config") or {}
    if config_descriptor.get("mediaType") not in CONFIGS:
        raise ImageError(
            f"{spool.archive}: {blob.digest} is no container image, but "
            f"{config_descriptor.get('mediaType')!r}"
        )
    config = checked_blob(spool, config_descriptor, "configuration")
    layers = []
    for layer in _list(spool, manifest, "layers", blob.name):
        if layer.get("mediaType") not in LAYERS:
            raise ImageError(
                f"{spool.archive}: layer {layer.get('digest')} is of type "
                f"{layer.get('mediaType')!r}, which no snapshot can be made of"
            )
        layers.append(checked_blob(spool, layer, "layer"))
    return ChosenImage(
        name=chosen.name,
        manifest_type=str(chosen.descriptor["mediaType"]),
        manifest=blob.path.read_bytes(),
        config=_mapping(spool, config),
        blobs=(config, *layers),
    )


def checked_blob(spool: Spool, descriptor: Mapping[str, Any], what: str) -> Member:
    """The blob of a descriptor.

    Raises:
        ImageError: it is missing, or its size or digest is another.
    """
    digest, size = descriptor.get("digest"), descriptor.get("size")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise ImageError(f"{spool.archive}: {digest!r} of a {what} is no sha256 digest")
    member = spool.find(f"blobs/{digest.replace(':', '/')}")
    if member is None:
        raise ImageError(f"{spool.archive} lacks the {what} {digest}: it is cut off or incomplete")
    if member.size != size:
        raise ImageError(
            f"{spool.archive}: {what} {digest} has {member.size} bytes instead of {size}; "
            "it is cut off or damaged"
        )
    if member.digest != digest:
        raise ImageError(
            f"{spool.archive}: {what} {digest} is damaged: its digest is {member.digest}"
        )
    return member


def _mapping(spool: Spool, member: Member) -> Mapping[str, Any]:
    document = spool.document(member)
    if not isinstance(document, dict):
        raise ImageError(f"{spool.archive}: {member.name} is no JSON object")
    return document


def _list(spool: Spool, document: Any, field: str, where: str) -> list[Mapping[str, Any]]:
    entries = document.get(field) if isinstance(document, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ImageError(f"{spool.archive}: {where} has no list of {field}")
    return entries
