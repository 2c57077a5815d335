"""Imports an OCI image layout over gRPC alone, so that no collection can take it apart.

Everything is made under one lease, and the labels that hold the parts together are set before the
lease goes (CONTAINERD.md, section 5): the image name holds the manifest, the manifest's labels
hold config and layers, the config's label holds the unpacked snapshot.
"""

from __future__ import annotations

import hashlib
import itertools
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.oci.documents import (
    ConfigDocument,
    DescriptorDocument,
    IndexDocument,
    ManifestDocument,
    ProcessDocument,
    is_digest,
    read_document,
    shown,
)
from iluvatar_bench.containerd.oci.media_types import READY_LABEL
from iluvatar_bench.containerd.oci.platforms import host_platform, stated_platform
from iluvatar_bench.containerd.services.images import ImageRecord
from iluvatar_bench.containerd.services.snapshots import Snapshots
from iluvatar_bench.containerd.values import Descriptor, Mount, Resource
from iluvatar_bench.errors import (
    AlreadyExists,
    DaemonFault,
    ImageError,
    InvalidArgument,
    NotFound,
    NotImplementedByDaemon,
)
from iluvatar_bench.host.first_error import cleaned_up

CONTENT_LABEL = "containerd.io/gc.ref.content"
SNAPSHOT_LABEL = "containerd.io/gc.ref.snapshot"


@dataclass(frozen=True, slots=True)
class ImportedImage:
    """An image that containers can be made from.

    ``chain_id`` names the committed snapshot that a container's own snapshot stands on.
    """

    name: str
    digest: str
    chain_id: str
    args: tuple[str, ...]
    env: dict[str, str]
    cwd: str
    ready_text: str = ""
    """What the function's stderr says once it is ready; empty where the image does not say."""


@dataclass(frozen=True, slots=True)
class Layout:
    """An image layout on disk, its one manifest and configuration read."""

    folder: Path
    stated: DescriptorDocument
    """What the index says of the manifest."""
    manifest: ManifestDocument
    config: ConfigDocument

    def blob(self, descriptor: Descriptor) -> Path:
        """Where the descriptor's blob lies."""
        return blob_path(self.folder, descriptor.digest)

    @property
    def manifest_descriptor(self) -> Descriptor:
        """What refers to the manifest."""
        return _descriptor(self.stated)

    @property
    def config_descriptor(self) -> Descriptor:
        """What refers to the configuration."""
        return _descriptor(self.manifest.config)

    @property
    def layers(self) -> tuple[Descriptor, ...]:
        """What refers to the layers, the lowest first."""
        return tuple(_descriptor(layer) for layer in self.manifest.layers)


def blob_path(folder: Path, digest: str) -> Path:
    """Where an image layout keeps the blob of a digest."""
    algorithm, _, value = digest.partition(":")
    return folder / "blobs" / algorithm / value


def chain_ids(diff_ids: Sequence[str]) -> Iterator[str]:
    """The chain ID of each layer: the name of the snapshot that has it and all below it.

    The first is the diff ID itself, each further one the digest of
    ``<previous> <diff ID>`` (OCI image spec, config.md, "Layer ChainID").
    """
    chain = ""
    for diff_id in diff_ids:
        chain = (
            f"sha256:{hashlib.sha256(f'{chain} {diff_id}'.encode()).hexdigest()}"
            if chain
            else diff_id
        )
        yield chain


async def import_layout(
    client: Client, folder: Path, *, name: str, snapshotters: Sequence[str]
) -> ImportedImage:
    """Store the image of an OCI layout under ``name`` and unpack it for each snapshotter.

    Repeating it is cheap: what is there already is kept.

    Raises:
        ImageError: the layout is damaged, does not have exactly one manifest, is for another
            platform than this host's, or has a layer that containerd cannot unpack.
        ContainerdError: containerd refused a part.
    """
    layout = _importable(folder)
    chain = tuple(chain_ids(layout.config.diff_ids))
    async with client.leases.hold("import") as lease:
        await _hold_parts(client, lease, layout, chain, name=name, snapshotters=snapshotters)
        for layer in layout.layers:
            await client.content.write(layer, layout.blob(layer), lease=lease)
        for snapshotter in snapshotters:
            await _unpack(client, layout, chain, snapshotter=snapshotter, lease=lease)
        await client.content.write(
            layout.config_descriptor,
            layout.blob(layout.config_descriptor),
            labels={f"{SNAPSHOT_LABEL}.{s}": chain[-1] for s in snapshotters},
            lease=lease,
        )
        children = (layout.config_descriptor, *layout.layers)
        await client.content.write(
            layout.manifest_descriptor,
            layout.blob(layout.manifest_descriptor),
            labels={f"{CONTENT_LABEL}.{i}": child.digest for i, child in enumerate(children)},
            lease=lease,
        )
        await client.images.put(ImageRecord(name=name, target=layout.manifest_descriptor))
    return _imported(name, layout, chain[-1])


async def _hold_parts(
    client: Client,
    lease: str,
    layout: Layout,
    chain: Sequence[str],
    *,
    name: str,
    snapshotters: Sequence[str],
) -> None:
    """Let the lease hold what is there already, and nobody may need but this import.

    A write that is answered with *already exists* does not do that before containerd 1.6.32 and
    1.7.17, and finding a snapshot does not in any version. A lease may name what is not there yet
    (metadata/leases.go, AddResource).
    """
    try:
        known = await client.images.get(name)
    except NotFound:
        known = None
    if known is not None and known.target.digest == layout.stated.digest:
        # The image's own labels hold all of it.
        return
    parts = (layout.manifest_descriptor, layout.config_descriptor, *layout.layers)
    for part in parts:
        await client.leases.add(lease, Resource(type="content", id=part.digest))
    for snapshotter, snapshot in itertools.product(snapshotters, chain):
        await client.leases.add(lease, Resource(type=f"snapshots/{snapshotter}", id=snapshot))


async def _unpack(
    client: Client, layout: Layout, chain: Sequence[str], *, snapshotter: str, lease: str
) -> None:
    snapshots = client.snapshots(snapshotter)
    parent = ""
    for layer, diff_id, name in zip(layout.layers, layout.config.diff_ids, chain, strict=True):
        if not await snapshots.exists(name):
            await unpack_layer(client, snapshots, layer, diff_id, name, parent=parent, lease=lease)
        parent = name


async def unpack_layer(
    client: Client,
    snapshots: Snapshots,
    layer: Descriptor,
    diff_id: str,
    name: str,
    *,
    parent: str,
    lease: str,
) -> None:
    """Make the committed snapshot ``name`` of a layer, on top of ``parent``.

    Raises:
        ImageError: it does not unpack, or not to what ``diff_id`` says.
    """
    key = f"extract-{secrets.token_hex(6)} {name}"
    try:
        async with cleaned_up(partial(snapshots.remove, key), only_after_failure=True):
            mounts = await snapshots.prepare(key, parent=parent, lease=lease)
            applied = await _apply(client, layer, mounts, lease=lease)
            if applied.digest != diff_id:
                raise ImageError(
                    f"layer {layer.digest} unpacks to {applied.digest}, "
                    f"but the image's configuration says {diff_id}; build the image again"
                )
            await snapshots.commit(name, key=key, lease=lease)
    except AlreadyExists:
        # Another import of the same layers was quicker: its snapshot serves us both.
        pass


async def _apply(
    client: Client, layer: Descriptor, mounts: Sequence[Mount], *, lease: str
) -> Descriptor:
    try:
        return await client.diff.apply(layer, mounts, lease=lease)
    except (DaemonFault, InvalidArgument, NotImplementedByDaemon) as error:
        raise ImageError(
            f"containerd cannot unpack layer {layer.digest} ({layer.media_type}): {error.detail}"
        ) from error


def read_layout(folder: Path) -> Layout:
    """The layout's documents.

    Raises:
        ImageError: one is missing or not what it must be, or there is not exactly one manifest.
    """
    index = read_document(IndexDocument, folder / "index.json", where=f"{folder}: index.json")
    if len(index.manifests) != 1:
        raise ImageError(f"{folder} holds {len(index.manifests)} manifests; exactly one is needed")
    (stated,) = index.manifests
    manifest = read_document(ManifestDocument, _blob(folder, stated), where=f"{folder}: manifest")
    config = read_document(
        ConfigDocument, _blob(folder, manifest.config), where=f"{folder}: configuration"
    )
    return Layout(folder, stated, manifest, config)


def _importable(folder: Path) -> Layout:
    layout = read_layout(folder)
    for part in (layout.stated, layout.manifest.config, *layout.manifest.layers):
        # The size is the part's own; the rest of a descriptor has no default that would do.
        if not part.media_type or part.size < 0 or not is_digest(part.digest):
            raise ImageError(f"{folder}: a descriptor lacks its type, its digest or its size")
    layers, diff_ids = len(layout.layers), len(layout.config.diff_ids)
    if layers != diff_ids or not layers:
        raise ImageError(f"{folder}: {layers} layers but {diff_ids} diff IDs")
    stated = stated_platform(layout.config)
    if stated.architecture and stated != host_platform():
        raise ImageError(f"{folder} is an image for {stated}; this host is {host_platform()}")
    return layout


def _blob(folder: Path, descriptor: DescriptorDocument) -> Path:
    if not is_digest(descriptor.digest):
        raise ImageError(f"{folder}: {shown(descriptor.digest)!r} is no sha256 digest")
    return blob_path(folder, descriptor.digest)


def _descriptor(document: DescriptorDocument) -> Descriptor:
    return Descriptor(
        media_type=document.media_type,
        digest=document.digest,
        size=document.size,
        annotations=document.annotations or {},
    )


def _imported(name: str, layout: Layout, chain_id: str) -> ImportedImage:
    process = layout.config.config or ProcessDocument()
    stated = (layout.stated.annotations or {}, process.labels or {})
    return ImportedImage(
        name=name,
        digest=layout.stated.digest,
        chain_id=chain_id,
        # Docker writes null for what is empty.
        args=(*(process.entrypoint or ()), *(process.cmd or ())),
        env=dict(entry.partition("=")[::2] for entry in process.env or ()),
        cwd=process.working_folder or "/",
        ready_text=next(filter(None, (place.get(READY_LABEL) for place in stated)), ""),
    )
