"""Image import over gRPC alone: complete, repeatable, and safe from the collector."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage, chain_ids, import_layout
from iluvatar_bench.errors import ContainerdError, ImageError, NotFound
from iluvatar_bench.functions import BuiltImage


def test_chain_ids_follow_the_image_specification() -> None:
    """ChainID(L0) = DiffID(L0); ChainID(L0|...|Ln) = Digest(ChainID(...) + " " + DiffID(Ln))."""
    first, second = "sha256:" + "a" * 64, "sha256:" + "b" * 64
    expected = "sha256:" + hashlib.sha256(f"{first} {second}".encode()).hexdigest()
    assert list(chain_ids([first, second])) == [first, expected]
    assert list(chain_ids([])) == []


@pytest.mark.daemon
async def test_the_labels_hold_the_image_through_a_collection(
    quiet_node: Node, image: ImportedImage
) -> None:
    client = quiet_node.client
    before = set(await client.content.digests())
    await client.leases.force_collection()
    assert await client.leases.list() == ()
    assert set(await client.content.digests()) == before
    assert await client.snapshots("overlayfs").exists(image.chain_id)
    mounts = await client.snapshots("overlayfs").prepare("after", parent=image.chain_id)
    assert len(mounts[0].lower_directories) >= 6
    names = [record.name for record in await client.images.list()]
    assert names == [image.name]


@pytest.mark.daemon
async def test_without_its_name_the_image_is_collected_whole(
    quiet_node: Node, image: ImportedImage
) -> None:
    """Nothing but the labels and the name held it: no root of ours is left behind."""
    await quiet_node.client.images.delete(image.name, sync=True)
    assert await quiet_node.client.content.digests() == ()
    assert await quiet_node.client.snapshots("overlayfs").list() == ()


@pytest.mark.daemon
async def test_importing_again_and_for_another_snapshotter(
    quiet_node: Node, quick_hello: BuiltImage
) -> None:
    image, again = [
        await import_layout(
            quiet_node.client, quick_hello.layout, name=quick_hello.name, snapshotters=snapshotters
        )
        for snapshotters in (["overlayfs"], ["overlayfs", "native"])
    ]
    assert again == image
    await quiet_node.client.leases.force_collection()
    for snapshotter in ("overlayfs", "native"):
        assert await quiet_node.client.snapshots(snapshotter).exists(image.chain_id)


@pytest.mark.daemon
async def test_a_damaged_layer_is_refused_and_nothing_of_it_stays(
    quiet_node: Node, quick_hello: BuiltImage, tmp_path: Path
) -> None:
    layout = tmp_path / "layout"
    shutil.copytree(quick_hello.layout, layout)
    manifest = json.loads((layout / "blobs" / quick_hello.digest.replace(":", "/")).read_bytes())
    smallest = min(manifest["layers"], key=lambda layer: layer["size"])
    blob = layout / "blobs" / smallest["digest"].replace(":", "/")
    blob.write_bytes(b"\0" * len(blob.read_bytes()))
    with pytest.raises(ContainerdError, match=r"digest|unexpected commit"):
        await import_layout(quiet_node.client, layout, name="bad", snapshotters=["overlayfs"])
    with pytest.raises(NotFound):
        await quiet_node.client.images.get("bad")
    await quiet_node.client.leases.force_collection()
    assert await quiet_node.client.content.digests() == ()


@pytest.mark.parametrize("damage", ["missing", "no json", "two manifests"])
async def test_a_folder_that_is_no_layout(damage: str, tmp_path: Path) -> None:
    from iluvatar_bench.containerd.channel import Channel
    from iluvatar_bench.containerd.client import Client

    if damage == "no json":
        (tmp_path / "index.json").write_text("{")
    elif damage == "two manifests":
        entry = {"mediaType": "x", "digest": "sha256:0", "size": 1}
        (tmp_path / "index.json").write_text(json.dumps({"manifests": [entry, entry]}))
    async with Channel(tmp_path / "socket", namespace="n") as channel:
        with pytest.raises(ImageError, match=str(tmp_path)):
            await import_layout(Client(channel), tmp_path, name="x", snapshotters=["native"])
