"""Full disks: told from other errors, and from disks that have room again."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from iluvatar_bench.errors import DiskFull

NO_SPACE = "no space left on device"
"""What errno(3) calls ENOSPC, as Go writes it; Python's has a capital letter."""

LEAST_BYTES = 1024**2
"""Below this nobody can make a snapshot any more, or a page of a database."""


def means_full_disk(error: BaseException) -> bool:
    """Whether a disk, or the quota on it, is what the request had no room on."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def full_disk_told(path: Path) -> Iterator[None]:
    """Tell a full disk, met in the block while ``path`` was written, as the user's problem it is.

    Raises:
        DiskFull: there was no room.
    """
    try:
        yield
    except OSError as error:
        if means_full_disk(error):
            raise disk_full(path, error.strerror) from error
        raise


def disk_full(path: Path, what: str | None) -> DiskFull:
    """The error for a path that has no room; ``what`` says how that came out."""
    return DiskFull(
        f"the disk of {path} is full: make room there, or use another one ({what or NO_SPACE})"
    )


def has_room(path: Path) -> bool:
    """Whether the file system that holds ``path`` has space and names left, for root."""
    there = os.statvfs(path)
    # Where files are not counted (btrfs), their number is 0.
    names_left = there.f_files == 0 or there.f_ffree > 0
    return names_left and free_bytes(path) >= LEAST_BYTES


def free_bytes(path: Path) -> int:
    """The room that root has on the file system that holds ``path``."""
    there = os.statvfs(path)
    return there.f_bfree * there.f_frsize
