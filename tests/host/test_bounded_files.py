"""Files that grow without end keep their head and their tail, and nobody who uses them notices."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from iluvatar_bench.host.bounded_files import bound_file, bound_output, copy_kept
from iluvatar_bench.host.tails import read_tail
from tests.support.networks import needs_root

HEAD, TAIL = 8192, 16384


def bound(path: Path) -> bool:
    return bound_file(str(path), head_bytes=HEAD, tail_bytes=TAIL)


def allocated(path: Path) -> int:
    return path.stat().st_blocks * 512


def numbered(count: int) -> bytes:
    return b"".join(b"line %09d\n" % number for number in range(count))


def test_head_and_tail_stay_where_they_are(tmp_path: Path) -> None:
    path = tmp_path / "output"
    content = numbered(20_000)
    path.write_bytes(content)
    assert bound(path)
    left = path.read_bytes()
    assert len(left) == len(content)
    assert left[:HEAD] == content[:HEAD]
    assert left[-TAIL:] == content[-TAIL:]
    assert allocated(path) <= HEAD + TAIL + 4096
    assert read_tail(path).text == content[-8192:].decode()


def test_who_appends_goes_on_and_it_is_bounded_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "output"
    content = b""
    with path.open("ab", buffering=0) as writer:
        for _ in range(10):
            more = numbered(5000)
            writer.write(more)
            content += more
            bound(path)
    left = path.read_bytes()
    assert (left[:HEAD], left[-TAIL:]) == (content[:HEAD], content[-TAIL:])
    assert allocated(path) <= 2 * (HEAD + TAIL)


def test_what_is_small_or_no_file_is_left_alone(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.write_bytes(numbered(2000))
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    assert not bound(small)
    for name in ("fifo", "link", "none"):
        assert not bound(tmp_path / name)
    assert small.read_bytes() == numbered(2000)


def test_the_output_of_every_container_is_bounded(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "stdout").write_bytes(numbered(20_000))
    (tmp_path / "c.out").write_bytes(numbered(20_000))
    bound_output(str(tmp_path), head_bytes=HEAD, tail_bytes=TAIL)
    output = [*tmp_path.glob("*/stdout"), tmp_path / "c.out"]
    assert len(output) == 3
    assert all(allocated(path) <= HEAD + TAIL + 4096 for path in output)


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A folder and a file of the same file system, mounted below the folder ``x``; their source."""
    source, targets = tmp_path / "source", (tmp_path / "x" / "root", tmp_path / "x" / "file")
    source.mkdir()
    (source / "library").write_bytes(numbered(20_000))
    targets[0].mkdir(parents=True)
    targets[1].touch()
    for what, target in zip((source, source / "library"), targets, strict=True):
        subprocess.run(["mount", "--bind", str(what), str(target)], check=True)
    yield source
    for target in targets:
        subprocess.run(["umount", str(target)], check=True)


@needs_root()[0]
@needs_root()[1]
def test_what_is_no_output_is_left_as_it_is(mounted: Path, tmp_path: Path) -> None:
    """A root that is mounted there, a daemon's data: they had a hole in their libraries once."""
    library = tmp_path / "x" / "client" / "data" / "library"
    library.parent.mkdir(parents=True)
    library.write_bytes(numbered(20_000))
    bound_output(str(tmp_path / "x"), head_bytes=HEAD, tail_bytes=TAIL)
    assert library.read_bytes() == numbered(20_000)
    assert (mounted / "library").read_bytes() == numbered(20_000)


def test_a_copy_says_how_much_is_missing(tmp_path: Path) -> None:
    path, copy = tmp_path / "log", tmp_path / "copy"
    content = numbered(20_000)
    path.write_bytes(content)
    bound(path)
    with path.open("rb") as source:
        copy_kept(source.fileno(), copy)
    head, _, rest = copy.read_bytes().partition(b"\n[")
    number, _, tail = rest.partition(b" bytes were not kept]\n")
    assert content.startswith(head)
    assert content.endswith(tail)
    assert len(head) + int(number) + len(tail) == len(content)
    assert int(number) > len(content) // 2


def test_a_copy_of_a_whole_file_is_the_file(tmp_path: Path) -> None:
    for content in (b"", b"few words\n", numbered(20_000)):
        path, copy = tmp_path / "log", tmp_path / "copy"
        path.write_bytes(content)
        with path.open("rb") as source:
            copy_kept(source.fileno(), copy)
        assert copy.read_bytes() == content


@pytest.fixture
def without_holes(tmp_path: Path) -> Iterator[Path]:
    """A file system that cannot give a middle back."""
    subprocess.run(["mount", "-t", "ramfs", "none", str(tmp_path)], check=True)
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


@needs_root()[0]
@needs_root()[1]
def test_where_there_are_no_holes_the_file_is_cut_behind_its_head(without_holes: Path) -> None:
    path = without_holes / "output"
    with path.open("ab", buffering=0) as writer:
        writer.write(numbered(20_000))
        assert bound(path)
        writer.write(b"and on it goes\n")
    assert path.read_bytes() == numbered(20_000)[:HEAD] + b"and on it goes\n"
