"""A barrier inside the container: the function waits at it before its first import.

It makes "during start-up" a defined moment: the process says that it waits, the harness does what
it has to do, then lets it go on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BARRIER_VARIABLE = "ILUVATAR_BENCH_BARRIER"
BARRIER_IN_CONTAINER = "/run/iluvatar-bench.barrier"
WAITING_TEXT = "iluvatar-bench: waiting at the barrier"
"""What the server writes to stderr when it has reached the barrier."""


class StartBarrier:
    """A FIFO that the container reads one byte from."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path, 0o600)
        # Opened for both directions: no side ever blocks in open(), and the byte stays in the
        # pipe until the container reads it.
        self._descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def open(self) -> None:
        """Let the function go on."""
        os.write(self._descriptor, b"\n")

    def close(self) -> None:
        """Release the descriptor."""
        os.close(self._descriptor)


@contextmanager
def barrier_at(path: Path) -> Iterator[StartBarrier]:
    """A barrier for the length of a block."""
    barrier = StartBarrier(path)
    try:
        yield barrier
    finally:
        barrier.close()
