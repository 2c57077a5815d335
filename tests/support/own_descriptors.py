"""What this process has open, one by one: a count alone also falls, with what others leave behind.

What an earlier test had and Python's collector has not found yet may go at any moment: of gRPC four
descriptors and a thread, with the last object of its that is garbage.
"""

from __future__ import annotations

from pathlib import Path

Descriptors = frozenset[tuple[int, str]]
"""Each with its number and what it refers to (proc_pid_fd(5))."""


def own_descriptors() -> Descriptors:
    """What is open now; what was opened since is this less that of before."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found.add((int(entry.name), str(entry.readlink())))
        except FileNotFoundError:
            # The listing's own, or one that a library's thread has closed meanwhile.
            continue
    return frozenset(found)
