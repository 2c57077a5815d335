"""Locks that the kernel releases when their holder ends, however it ends (flock(2))."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from iluvatar_bench.host.shared_folders import make_below_shared


@contextmanager
def try_lock(descriptor: int) -> Iterator[bool]:
    """Whether nobody else holds the file's lock; if so, it is held for the length of the block.

    Takes over the descriptor and closes it.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(descriptor)


def lock_within(descriptor: int, *, seconds: float) -> None:
    """Lock the file once whoever holds it lets go. It blocks: call it in a thread.

    The kernel's own wait (flock(2) without LOCK_NB) has no limit, and a signal that Python handles
    only makes it wait anew.

    Raises:
        TimeoutError: it was held for all that time.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"locked by another process for {seconds:g} s") from None
        time.sleep(_RETRY_SECONDS)


_RETRY_SECONDS = 0.005


def lock_current(path: Path, *, seconds: float) -> int:
    """Open and lock a file that whoever holds it may remove, with its folder; its descriptor.

    Again if it was replaced while we waited for the lock. It blocks: call it in a thread.

    Raises:
        TimeoutError: it was held for all that time.
        OSError: it cannot be made.
    """
    while True:
        make_below_shared(path.parent, mode=0o700, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            continue
        try:
            lock_within(descriptor, seconds=seconds)
        except BaseException:
            os.close(descriptor)
            raise
        try:
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except FileNotFoundError:
            pass
        os.close(descriptor)


def make_locked(path: Path, text: str = "") -> int:
    """Make a file that is locked from the first moment in which it can be seen; its descriptor.

    A file that is made by its name and then locked is for a while one that nobody holds, which is
    how what a killed process left is known.

    Raises:
        OSError: it cannot be made.
    """
    draft = path.with_name(f".{path.name}.new")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, text.encode())
        draft.rename(path)
    except BaseException:
        os.close(descriptor)
        draft.unlink(missing_ok=True)
        raise
    return descriptor
