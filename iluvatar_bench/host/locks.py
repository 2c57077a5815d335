"""Locks that the kernel releases when their holder ends, however it ends (flock(2))."""

from __future__ import annotations

import fcntl
import os
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
