"""xz as xz(1) reads it, and no more memory than allowed."""

from __future__ import annotations

import lzma
import random
import zlib
from pathlib import Path

import pytest

from iluvatar_bench.containerd.oci.archive_spool import unpack
from iluvatar_bench.containerd.oci.xz_reader import open_xz
from iluvatar_bench.errors import ImageError


@pytest.mark.parametrize("preset", [0, 6, 9])
@pytest.mark.parametrize("padding", [0, 4, 300_000])
def test_streams_follow_each_other_with_and_without_padding(
    preset: int, padding: int, tmp_path: Path
) -> None:
    draw = random.Random(preset + padding)
    path = tmp_path / "a.xz"
    contents = [draw.randbytes(size) * 2 for size in (0, 1, 500_000)]
    streams = [lzma.compress(content, preset=preset) for content in contents]
    path.write_bytes(b"".join(stream + bytes(padding) for stream in streams))
    with open_xz(path) as found:
        assert found.read() == b"".join(contents)


def test_what_is_cut_off_or_followed_by_something_else_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.xz"
    whole = lzma.compress(bytes(100_000))
    path.write_bytes(whole[:-1])
    with open_xz(path) as file, pytest.raises(EOFError):
        file.read()
    path.write_bytes(whole + b"something else" * 9)
    with open_xz(path) as file, pytest.raises(lzma.LZMAError):
        file.read()


def test_a_dictionary_beyond_the_bound_is_refused_before_it_is_allocated(tmp_path: Path) -> None:
    """The block header's last property is the dictionary's size (xz-file-format 1.2.0, 5.3.1)."""
    whole = bytearray(lzma.compress(b"x"))
    assert whole[12:16] == bytes([2, 0, 0x21, 1])
    whole[16] = 40  # 4 GiB - 1
    whole[20:24] = zlib.crc32(whole[12:20]).to_bytes(4, "little")
    path = tmp_path / "a.tar.xz"
    path.write_bytes(whole)
    with pytest.raises(ImageError, match=r"is no image archive \(Memory usage limit exceeded\)"):
        unpack(path, tmp_path)
