"""Disks that fill up: small file systems in memory, and what takes the rest of their room."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def small_disk(folder: Path, *, size: str) -> Iterator[Path]:
    """A file system of that size at ``folder``, for the length of the block."""
    folder.mkdir()
    mount("-t", "tmpfs", "-o", f"size={size}", "none", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def fill(ballast: Path) -> None:
    """Write to a file until its disk has no room for one byte."""
    chunk = b"x" * 1024**2
    with ballast.open("ab", buffering=0) as file:
        while chunk:
            try:
                file.write(chunk)
            except OSError:
                chunk = chunk[: len(chunk) // 2]
