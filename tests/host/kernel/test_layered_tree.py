"""A chain of layers read from outside, beside what overlayfs itself makes of it."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from iluvatar_bench.host.kernel.layered_tree import LayeredTree


def write(path: Path, text: str = "x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_links_are_followed_inside_the_tree_and_nowhere_else(tmp_path: Path) -> None:
    write(tmp_path / "usr/lib/python3.11/csv.py")
    (tmp_path / "usr/lib/python3").symlink_to("python3.11")
    (tmp_path / "lib").symlink_to("/usr/lib")
    (tmp_path / "out").symlink_to("../../../../etc")
    (tmp_path / "round").symlink_to("round")
    tree = LayeredTree((tmp_path,))
    assert tree.exists("/usr/lib/python3/csv.py")
    assert tree.exists("/lib/python3/../python3.11/csv.py")
    assert tree.entries("/lib/python3") == {"csv.py"}
    # The host has an /etc, the tree has none.
    assert not tree.exists("/out/passwd")
    assert not tree.exists("/round")
    assert not tree.exists("/usr/lib/python3/csv.py/below-a-file")
    assert tree.entries("/nowhere") == frozenset()


def test_a_layer_that_is_gone_has_nothing(tmp_path: Path) -> None:
    write(tmp_path / "low/file")
    tree = LayeredTree((tmp_path / "gone", tmp_path / "low"))
    assert tree.exists("/file")
    assert tree.entries("/") == {"file"}


@pytest.fixture
def layers(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Top to bottom: what overlay's rules are about, and both kinds of hiding."""
    top, middle, bottom = (tmp_path / name for name in ("top", "middle", "bottom"))
    for layer in (top, middle, bottom):
        layer.mkdir()
    write(bottom / "merged/below")
    write(middle / "merged/between")
    write(bottom / "hidden/file")
    write(bottom / "opaque/file")
    write(bottom / "was-folder/file")
    write(bottom / "was-file")
    write(middle / "was-folder")
    write(middle / "was-file/file")
    write(middle / "again/old")
    write(bottom / "again/older")
    (bottom / "link").symlink_to("merged")
    write(top / "again/new")
    return top, middle, bottom


@pytest.fixture
def mounted(layers: tuple[Path, Path, Path], tmp_path: Path) -> Iterator[Path]:
    """The layers as the kernel puts them together."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    top, middle, bottom = layers
    os.mknod(middle / "hidden", stat.S_IFCHR, os.makedev(0, 0))
    os.mknod(top / "again" / "older", stat.S_IFCHR, os.makedev(0, 0))
    write(middle / "opaque/other")
    os.setxattr(middle / "opaque", "trusted.overlay.opaque", b"y")
    point = tmp_path / "mounted"
    point.mkdir()
    options = f"lowerdir={top}:{middle}:{bottom}"
    mount = ["mount", "-t", "overlay", "overlay", "-o", options, str(point)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no overlay on this file system: {done.stderr.strip()}")
    try:
        yield point
    finally:
        subprocess.run(["umount", str(point)], check=True)


@pytest.mark.root
def test_the_same_as_the_kernel(layers: tuple[Path, Path, Path], mounted: Path) -> None:
    tree = LayeredTree(layers)
    folders = ["/", "/merged", "/hidden", "/opaque", "/was-folder", "/was-file", "/again", "/link"]
    for folder in folders:
        place = mounted / folder.lstrip("/")
        expected = {entry.name for entry in place.iterdir()} if place.is_dir() else set()
        assert tree.entries(folder) == expected, folder
        for name in ("below", "between", "file", "other", "new", "old", "older"):
            path = f"{folder.rstrip('/')}/{name}"
            assert tree.exists(path) == (mounted / path.lstrip("/")).exists(), path
    # The tables above are not empty on both sides.
    assert tree.entries("/merged") == {"below", "between"}
    assert tree.entries("/opaque") == {"other"}
    assert not tree.exists("/hidden")
