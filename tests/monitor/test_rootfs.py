"""The rootfs oracle: absent, lost, late, and when it does not know."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from iluvatar_bench.bugs import FileKind, FileVerdict, MissingName
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import import_layout
from iluvatar_bench.containerd.values import Mount
from iluvatar_bench.functions import BuiltImage
from iluvatar_bench.host.kernel.layered_tree import LayeredTree
from iluvatar_bench.monitor import ImageLayers
from iluvatar_bench.monitor.evidence import rootfs as rootfs_module
from iluvatar_bench.monitor.evidence.rootfs import SeenRoot, find, look_up, search_folders

CSV = MissingName(FileKind.MODULE, "csv")
LIBRARY = "usr/local/lib/python3.11"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Something of an image: a standard library, a package, a shared library."""
    root = tmp_path / "image"
    for path in (
        f"{LIBRARY}/csv.py",
        f"{LIBRARY}/lib-dynload/_csv.cpython-311-x86_64-linux-gnu.so",
        f"{LIBRARY}/site-packages/flask/json/__init__.py",
        f"{LIBRARY}/site-packages/flask/app.py",
        "lib/x86_64-linux-gnu/libz.so.1",
        "app/main.py",
    ):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


async def verdict(name: MissingName, image: Path | None, seen: Path | None) -> FileVerdict:
    (fact,) = await look_up(
        [name],
        image=None if image is None else LayeredTree((image,)),
        seen=None if seen is None else SeenRoot(LayeredTree((seen,)), "process"),
        search=["/app"],
    )
    return fact.verdict


def test_where_things_are_found(image: Path) -> None:
    tree = LayeredTree((image,))

    def place(kind: str, name: str) -> str | None:
        return find(tree, MissingName(FileKind(kind), name), ["/app"])

    assert place("module", "csv") == f"/{LIBRARY}/csv.py"
    assert place("module", "main") == "/app/main.py"
    assert place("module", "flask.json") == f"/{LIBRARY}/site-packages/flask/json"
    assert place("name", "flask.app") == f"/{LIBRARY}/site-packages/flask/app.py"
    extension = f"/{LIBRARY}/lib-dynload/_csv.cpython-311-x86_64-linux-gnu.so"
    assert place("module", "_csv") == extension
    assert place("library", "libz.so.1") == "/lib/x86_64-linux-gnu/libz.so.1"
    assert place("file", "/app/main.py") == "/app/main.py"
    assert place("file", "main.py") == "/app/main.py"
    for kind, name in (("module", "numpy"), ("module", "flask.csv"), ("file", "/x")):
        assert place(kind, name) is None


def test_the_folders_searched_are_those_of_the_process() -> None:
    env = {"PYTHONPATH": "/opt/lib:relative:", "PATH": "/bin"}
    assert search_folders("/app", env, ["/app", "/x"]) == ("/app", "/opt/lib", "/x")


async def test_absent_lost_and_there(image: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert await verdict(MissingName(FileKind.MODULE, "numpy"), image, image) is (
        FileVerdict.ABSENT_FROM_IMAGE
    )
    assert await verdict(CSV, image, empty) is FileVerdict.LOST
    assert await verdict(CSV, image, image) is FileVerdict.LATE
    # Nobody knows what the image has, or what the container sees.
    assert await verdict(CSV, None, empty) is FileVerdict.UNKNOWN
    assert await verdict(CSV, image, None) is FileVerdict.UNKNOWN


async def test_what_comes_a_moment_later_is_late_not_lost(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file appears between the two looks: the pause is where it is made."""
    root = tmp_path / "root"
    root.mkdir()
    pause = asyncio.sleep

    async def sleep(seconds: float) -> None:
        (root / LIBRARY).mkdir(parents=True)
        (root / LIBRARY / "csv.py").touch()
        await pause(0)

    monkeypatch.setattr(rootfs_module.asyncio, "sleep", sleep)
    (fact,) = await look_up(
        [CSV],
        image=LayeredTree((image,)),
        seen=SeenRoot(LayeredTree((root,)), "bundle"),
        search=["/app"],
    )
    assert (fact.visible_now, fact.visible_later) == (False, True)
    assert fact.verdict is FileVerdict.LATE
    assert fact.seen_through == "bundle"


@pytest.mark.daemon
async def test_both_snapshotters_say_where_the_image_is_and_are_left_as_they_were(
    quiet_node: Node, hello: BuiltImage
) -> None:
    client = quiet_node.client
    both = ["overlayfs", "native"]
    image = await import_layout(client, hello.layout, name=hello.name, snapshotters=both)
    layers = ImageLayers()
    for snapshotter in both:
        before = await client.snapshots(snapshotter).list()
        tree = await layers.tree(
            client, snapshotter=snapshotter, chain_id=image.chain_id, mounts=()
        )
        assert tree is not None
        assert find(tree, CSV, ["/app"]) is not None
        assert find(tree, MissingName(FileKind.MODULE, "flask"), ["/app"]) is not None
        assert find(tree, MissingName(FileKind.MODULE, "numpy"), ["/app"]) is None
        assert await client.snapshots(snapshotter).list() == before
    assert await client.leases.list() == ()
    # An overlay's own mount request says the same, without a question.
    mounts = await client.snapshots("overlayfs").prepare("own", parent=image.chain_id)
    asked = await ImageLayers().tree(
        client, snapshotter="overlayfs", chain_id="nobody asks", mounts=mounts
    )
    assert asked is not None
    viewed = await layers.tree(
        client, snapshotter="overlayfs", chain_id=image.chain_id, mounts=mounts
    )
    assert viewed is not None
    assert asked.layers == viewed.layers


async def test_an_image_with_a_layer_gone_is_not_known(image: Path) -> None:
    lower = f"lowerdir={image}:{image.parent / 'gone'}"
    mounts = [Mount("overlay", "overlay", options=(lower,))]
    layers = ImageLayers()
    # The client is not asked: the request names the directories.
    tree = await layers.tree(None, snapshotter="overlayfs", chain_id="c", mounts=mounts)  # type: ignore[arg-type]
    assert tree is None
