"""Files that others append to, kept from filling the disk: their middle is given back.

A hole frees the blocks and leaves sizes and offsets as they are (fallocate(2), FALLOC_FL_PUNCH_HOLE
with FALLOC_FL_KEEP_SIZE), so that neither who writes nor who reads the end notices. ext4, xfs,
btrfs, tmpfs and overlays on them can do it; where a file system cannot, the file is cut behind its
head, and what is appended from then on follows there.

Only the standard library, and little of it: the watchdog of every private containerd uses it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator

_KEEP_SIZE = 0x01
_PUNCH_HOLE = 0x02

_BLOCK_BYTES = 4096
NOT_KEPT = b"bytes were not kept"
"""What a copy says in the place of a hole."""

_CHUNK_BYTES = 1024**2

_STAT_BLOCK_BYTES = 512
"""The unit of ``st_blocks`` (inode(7)), whatever the file system's own blocks are."""


def bound_file(path: str, *, head_bytes: int, tail_bytes: int) -> bool:
    """Keep the head and the tail of a regular file that takes twice as much as both.

    Returns whether its middle was given back. Anything but a regular file is passed over, and so
    is what is not there (any more).

    Raises:
        OSError: the file may not be changed.
    """
    try:
        if not _is_too_large(path, 2 * (head_bytes + tail_bytes)):
            return False
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    try:
        end = (os.fstat(descriptor).st_size - tail_bytes) // _BLOCK_BYTES * _BLOCK_BYTES
        _give_back(descriptor, head_bytes, end - head_bytes)
    finally:
        os.close(descriptor)
    return True


def bound_output(folder: str, *, head_bytes: int, tail_bytes: int) -> None:
    """The same for every regular file of a folder and of the folders directly in it.

    Deeper ones are no output: what somebody keeps there, such as a daemon's data, would be damaged.
    So would what is mounted there, a container's root say: mounts are passed over, and links.

    Raises:
        OSError: a file may not be changed.
    """
    folder, limit = os.path.realpath(folder), 2 * (head_bytes + tail_bytes)
    large = [path for path in _files_in(folder, deeper=True) if _is_too_large(path, limit)]
    mounts = _mounts_below(folder) if large else ()
    for path in large:
        if not any(path == mount or path.startswith(f"{mount}/") for mount in mounts):
            bound_file(path, head_bytes=head_bytes, tail_bytes=tail_bytes)


def _files_in(folder: str, *, deeper: bool) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    yield entry.path
                elif deeper and entry.is_dir(follow_symlinks=False):
                    yield from _files_in(entry.path, deeper=False)
    except FileNotFoundError:
        return


def _is_too_large(path: str, limit: int) -> bool:
    try:
        seen = os.lstat(path)
    except FileNotFoundError:
        return False
    return stat.S_ISREG(seen.st_mode) and seen.st_blocks * _STAT_BLOCK_BYTES > limit


def _mounts_below(folder: str) -> tuple[str, ...]:
    """Where something is mounted: the fifth field of each line (proc_pid_mountinfo(5))."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123
        points = [line.split(" ", 5)[4] for line in file]
    return tuple(point for point in points if point.startswith(f"{folder}/"))


def copy_kept(descriptor: int, target: str | os.PathLike[str]) -> None:
    """Copy a file, with a line in the place of what was given back of it.

    Raises:
        OSError: the target cannot be written.
    """
    with open(target, "wb") as output:  # noqa: PTH123
        position = 0
        for start, end in _kept_parts(descriptor):
            if start > position:
                output.write(b"\n[%d %s]\n" % (start - position, NOT_KEPT))
            position = start
            while position < end:
                chunk = os.pread(descriptor, min(_CHUNK_BYTES, end - position), position)
                if not chunk:
                    return
                output.write(chunk)
                position += len(chunk)


def _kept_parts(descriptor: int) -> Iterator[tuple[int, int]]:
    """Where the data of a file begins and ends, hole by hole, in order."""
    end, size = 0, os.fstat(descriptor).st_size
    while end < size:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError as error:
            # A hole up to the end.
            if error.errno != errno.ENXIO:
                raise
            return
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield start, end


def _give_back(descriptor: int, offset: int, length: int) -> None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    if libc.fallocate(descriptor, _KEEP_SIZE | _PUNCH_HOLE, offset, length) == 0:
        return
    number = ctypes.get_errno()
    if number != errno.EOPNOTSUPP:
        raise OSError(number, os.strerror(number))
    os.ftruncate(descriptor, offset)
