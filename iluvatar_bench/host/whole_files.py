"""Files and folders that are there whole or not at all, whenever this process or the host ends.

A file is written beside its place and renamed into it: rename(2) within a folder is atomic. Before
that its content is on the disk (fsync of the file), after it its name (fsync of the folder).
Without the first a crash of the host can leave the new name with nothing in it (ext4(5),
``auto_da_alloc``, tells the story).
"""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from iluvatar_bench.errors import UnusablePath
from iluvatar_bench.host.full_disk import full_disk_told

DRAFT_SUFFIX = ".draft"

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
"""From <fcntl.h> and <linux/fs.h>."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A draft to be written in the block; at its end it takes the place of ``path``.

    After a block that fails, ``path`` is what it was, and the draft is gone.

    Raises:
        DiskFull: there is no room for it.
        OSError: it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}{DRAFT_SUFFIX}")
    try:
        with full_disk_told(path):
            yield draft
            sync_file(draft)
            draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_whole(path: Path, text: str) -> None:
    """Write a text file, whole or not at all.

    Raises:
        DiskFull: there is no room for it.
        OSError: it cannot be written.
    """
    with whole_file(path) as draft:
        draft.write_text(text)


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A folder to be filled in the block; at its end it takes the place of ``target``.

    After a block that fails, ``target`` is what it was, and the draft is gone.

    Raises:
        UnusablePath: it cannot be written.
    """
    draft = target.with_name(f".{target.name}.new")
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        yield draft
        replace_folder(draft, target)
    except OSError as error:
        raise UnusablePath(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def replace_folder(draft: Path, target: Path) -> None:
    """Put a folder in the place of another one, or where there was none; both in the same parent.

    At no moment is there nothing at ``target`` if there was something before. Where the file system
    cannot exchange two names at once (renameat2(2)), there is for the moment between two renames:
    the old folder is beside then, as ``.<name>.old``, and comes back if the second rename fails.

    Raises:
        OSError: it cannot be done; ``target`` is what it was.
    """
    for file in (*draft.iterdir(), draft):
        sync_file(file)
    if not target.exists():
        draft.rename(target)
    elif _exchange(draft, target):
        shutil.rmtree(draft)
    else:
        _swap(draft, target)
    sync_folder(target.parent)


def _swap(draft: Path, target: Path) -> None:
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    target.rename(old)
    try:
        draft.rename(target)
    except BaseException:
        old.rename(target)
        raise
    shutil.rmtree(old)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names at once; False where the kernel or the file system cannot."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        return False
    names = (os.fsencode(one), os.fsencode(other))
    if renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    raise OSError(number, os.strerror(number), str(other))


def sync_file(path: Path) -> None:
    """Return when what the file holds, or which names the folder has, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


sync_folder = sync_file
