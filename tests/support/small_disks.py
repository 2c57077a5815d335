"""Disks that fill up: small file systems in memory, and what takes the rest of their room."""

from __future__ import annotations

import os
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
    """By mount(2): fsconfig(2) would take at most 255 bytes of an option, as of an overlay's."""
    at_once = {**os.environ, "LIBMOUNT_FORCE_MOUNT2": "always"}
    subprocess.run(["mount", *arguments], check=True, env=at_once)


def fill(ballast: Path) -> None:
    """Write to a file until its disk has no room for one byte."""
    chunk = b"x" * 1024**2
    with ballast.open("ab", buffering=0) as file:
        while chunk:
            try:
                file.write(chunk)
            except OSError:
                chunk = chunk[: len(chunk) // 2]
