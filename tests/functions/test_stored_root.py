"""Roots that are kept with images in them: whole or not at all, never changed by their users."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from iluvatar_bench.containerd.daemon.place import Place
from iluvatar_bench.containerd.oci.image_import import import_layout
from iluvatar_bench.functions import BuiltImage, daemon_with, image_of
from iluvatar_bench.functions.images import remove_image, store_archive
from iluvatar_bench.functions.root_cache import KEPT, asked_before, is_whole, locked, root_home
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR
from tests.support.archives import docker_files, layer, write
from tests.support.small_disks import small_disk

pytestmark = pytest.mark.daemon


@pytest.fixture
def small_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BuiltImage:
    """An image of one file, in a cache folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return image_in_cache(tmp_path, b"kept")


def image_in_cache(folder: Path, content: bytes) -> BuiltImage:
    files = docker_files((layer("etc/x", content),), tags=("small:1",))
    return image_of(store_archive(write(folder / "a.tar", files)))


async def found_by(image: BuiltImage, *, snapshotters: Sequence[str] = ("overlayfs",)) -> bool:
    """Whether a daemon began with the image; its content is what it is to be in both cases."""
    quiet = daemon_with([image], snapshotters=snapshotters, collector=QUIET_COLLECTOR)
    async with quiet as node:
        client = node.client
        names = [record.name for record in await client.images.list()]
        imported = await import_layout(
            client, image.layout, name=image.name, snapshotters=snapshotters
        )
        await client.leases.force_collection()
        for snapshotter in snapshotters:
            assert await client.snapshots(snapshotter).exists(imported.chain_id)
        files = [path.read_bytes() for path in Place(node.id).root.glob("*/snapshots/*/**/etc/x")]
        assert files == [b"kept"] * len(snapshotters)
        return names == [image.name]


def only_folder() -> Path:
    (folder,) = root_home().iterdir()
    return folder


async def test_it_is_made_for_the_second_who_asks(small_image: BuiltImage) -> None:
    both = ("native", "overlayfs")
    assert [await found_by(small_image, snapshotters=both) for _ in range(3)] == [False, True, True]
    assert is_whole(only_folder())
    assert not await found_by(small_image), "unpacked for one snapshotter it is another root"


async def test_two_daemons_of_one_root_are_two(small_image: BuiltImage) -> None:
    """What one removes the other keeps, and so does the root."""
    assert not await found_by(small_image)
    async with (
        daemon_with([small_image], collector=QUIET_COLLECTOR) as one,
        daemon_with([small_image], collector=QUIET_COLLECTOR) as other,
    ):
        await one.client.images.delete(small_image.name, sync=True)
        assert await one.client.content.digests() == ()
        assert len(await other.client.content.digests()) == 3
    assert is_whole(only_folder())


async def test_a_root_that_lacks_a_file_is_made_anew(small_image: BuiltImage) -> None:
    assert [await found_by(small_image) for _ in range(2)] == [False, True]
    (snapshot,) = only_folder().glob("root/*/snapshots/*/fs/etc/x")
    snapshot.unlink()
    assert not is_whole(only_folder())
    assert await found_by(small_image)
    assert is_whole(only_folder())


async def test_what_a_killed_maker_left_is_no_root(small_image: BuiltImage) -> None:
    assert not await found_by(small_image)
    (only_folder() / "root" / "io.containerd.metadata.v1.bolt").mkdir(parents=True)
    assert await found_by(small_image)


async def test_nobody_waits_for_one_who_makes_it(small_image: BuiltImage) -> None:
    assert not await found_by(small_image)
    with locked(only_folder(), fcntl.LOCK_EX) as held:
        assert held
        assert not await found_by(small_image)
    assert await found_by(small_image)


async def test_a_cache_that_cannot_be_written_does_not_matter(
    small_image: BuiltImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert [await found_by(small_image) for _ in range(3)] == [False] * 3


async def test_on_another_file_system_it_is_copied(
    small_image: BuiltImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_disk(tmp_path / "other", size="4M") as other:
        monkeypatch.setenv("XDG_CACHE_HOME", str(other))
        assert [await found_by(small_image) for _ in range(3)] == [False, True, True]
    with small_disk(tmp_path / "full", size="100k") as full:
        monkeypatch.setenv("XDG_CACHE_HOME", str(full))
        assert [await found_by(small_image) for _ in range(3)] == [False] * 3


async def test_it_goes_with_its_image(small_image: BuiltImage, tmp_path: Path) -> None:
    assert [await found_by(small_image) for _ in range(2)] == [False, True]
    image_in_cache(tmp_path, b"another one of that name")
    assert list(root_home().iterdir()) == []
    again = image_in_cache(tmp_path, b"kept")
    assert not await found_by(again)
    remove_image(again.name)
    assert list(root_home().iterdir()) == []


def test_those_asked_for_last_are_kept(small_image: BuiltImage) -> None:
    home = root_home()

    def ask(name: int, *, at: int) -> bool:
        known = asked_before(home / f"{name}", [small_image])
        os.utime(home / f"{name}" / "images.json", (at, at))
        return known

    for number in range(KEPT):
        assert not ask(number, at=number)
    assert ask(0, at=KEPT)
    with locked(home / "1", fcntl.LOCK_SH) as held:
        assert held
        for number in range(KEPT, KEPT + 2):
            assert not ask(number, at=number + 1)
    kept = {int(path.name) for path in home.iterdir()}
    assert kept == {*range(KEPT + 2)} - {2}, "the second was in use, the third was to go"
