"""Locks that the kernel releases when their holder ends, however it ends (flock(2))."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager


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
