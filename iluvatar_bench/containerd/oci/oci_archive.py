"""An OCI layout in an archive: the manifest for this host is chosen, its parts are checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from iluvatar_bench.containerd.oci.archive_spool import Member, Spool
from iluvatar_bench.containerd.oci.documents import (
    ConfigDocument,
    DescriptorDocument,
    IndexDocument,
    ManifestDocument,
    PlatformDocument,
    is_digest,
    parse_document,
    shown,
)
from iluvatar_bench.containerd.oci.media_types import (
    CONFIGS,
    INDEXES,
    LAYERS,
    MANIFESTS,
    NAME_ANNOTATION,
    REFERENCE_ANNOTATION,
)
from iluvatar_bench.containerd.oci.platforms import stated_platform
from iluvatar_bench.containerd.values import Platform
from iluvatar_bench.errors import ImageError

DEEPEST_INDEX = 4
"""Indexes in indexes; two are usual."""

MOST_ENTRIES = 10_000
"""Of all indexes together, each counted as often as it is listed: a few indexes that list each
other many times would be millions."""

LONGEST_NAME = 1000
"""Of an image; a registry's own limit is 255 characters for a repository, and 128 for a tag."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ChosenImage:
    """One image of an archive, all of its parts there and checked."""

    name: str
    """Its name in the archive; empty where it has none."""
    manifest_type: str
    manifest: bytes
    config: ConfigDocument
    blobs: tuple[Member, ...]
    """Configuration and layers, each under its digest."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A manifest in an index, as the index describes it."""

    name: str
    descriptor: DescriptorDocument
    platform: Platform


def choose_oci(spool: Spool, *, platform: Platform, name: str | None) -> ChosenImage:
    """The image for the platform; of several images the one of that name.

    Within one image the first manifest that fits is taken, as the index's order is the order of
    preference.

    Raises:
        ImageError: none fits, or several and no name; or a part is missing or damaged.
    """
    index = spool.document(IndexDocument, spool.require("index.json"))
    search = _Search(spool)
    candidates = [
        candidate
        for entry in index.manifests
        for candidate in search.below(entry, name="", depth=0)
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


@dataclass(slots=True)
class _Search:
    """The manifests below an index. Each document is read once, however often it is listed."""

    spool: Spool
    indexes: dict[str, IndexDocument] = field(default_factory=dict)
    platforms: dict[str, Platform] = field(default_factory=dict)
    entries: int = 0

    def below(self, entry: DescriptorDocument, *, name: str, depth: int) -> Iterator[_Candidate]:
        self.entries += 1
        if depth > DEEPEST_INDEX:
            raise ImageError(f"{self.spool.archive}: indexes lie more than {DEEPEST_INDEX} deep")
        if self.entries > MOST_ENTRIES:
            raise ImageError(
                f"{self.spool.archive}: its indexes list more than {MOST_ENTRIES} manifests"
            )
        name = self._name(entry) or name
        if entry.media_type in INDEXES:
            for child in self._index(entry).manifests:
                yield from self.below(child, name=name, depth=depth + 1)
        elif entry.media_type in MANIFESTS:
            yield _Candidate(name, entry, self._platform(entry))

    def _name(self, entry: DescriptorDocument) -> str:
        name = entry.annotation(NAME_ANNOTATION) or entry.annotation(REFERENCE_ANNOTATION)
        if not name.isprintable() or len(name) > LONGEST_NAME:
            raise ImageError(f"{self.spool.archive}: {shown(name)!r} is no name for an image")
        return name

    def _index(self, entry: DescriptorDocument) -> IndexDocument:
        if entry.digest not in self.indexes:
            blob = checked_blob(self.spool, entry, "index")
            self.indexes[entry.digest] = self.spool.document(IndexDocument, blob)
        return self.indexes[entry.digest]

    def _platform(self, entry: DescriptorDocument) -> Platform:
        stated = stated_platform(entry.platform or PlatformDocument())
        if stated.architecture:
            return stated
        if entry.digest not in self.platforms:
            self.platforms[entry.digest] = self._platform_of_config(entry)
        return self.platforms[entry.digest]

    def _platform_of_config(self, entry: DescriptorDocument) -> Platform:
        """What the configuration says, where the index does not; unknown for what is no image."""
        blob = checked_blob(self.spool, entry, "manifest")
        config = self.spool.document(ManifestDocument, blob).config
        if config.media_type not in CONFIGS:
            return Platform("unknown", "unknown")
        stated = checked_blob(self.spool, config, "configuration")
        return stated_platform(self.spool.document(PlatformDocument, stated))


def _read_image(spool: Spool, chosen: _Candidate) -> ChosenImage:
    blob = checked_blob(spool, chosen.descriptor, "manifest")
    content = spool.bytes_of(blob)
    manifest = parse_document(ManifestDocument, content, where=spool.where(blob))
    if manifest.config.media_type not in CONFIGS:
        raise ImageError(
            f"{spool.archive}: {blob.digest} is no container image, but "
            f"{shown(manifest.config.media_type)!r}"
        )
    config = checked_blob(spool, manifest.config, "configuration")
    layers = []
    for layer in manifest.layers:
        if layer.media_type not in LAYERS:
            raise ImageError(
                f"{spool.archive}: layer {shown(layer.digest)} is of type "
                f"{shown(layer.media_type)!r}, which no snapshot can be made of"
            )
        layers.append(checked_blob(spool, layer, "layer"))
    return ChosenImage(
        name=chosen.name,
        manifest_type=chosen.descriptor.media_type,
        manifest=content,
        config=spool.document(ConfigDocument, config),
        blobs=(config, *layers),
    )


def checked_blob(spool: Spool, descriptor: DescriptorDocument, what: str) -> Member:
    """The blob of a descriptor.

    Raises:
        ImageError: it is missing, or its size or digest is another.
    """
    digest, size = descriptor.digest, descriptor.size
    if not is_digest(digest):
        raise ImageError(f"{spool.archive}: {shown(digest)!r} of a {what} is no sha256 digest")
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
