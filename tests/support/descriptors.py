"""What a process has open, one by one: a count alone also falls, with what others leave behind.

What an earlier test had and Python's collector has not found yet may go at any moment: of gRPC four
descriptors and a thread, with the last object of its that is garbage.
"""

from __future__ import annotations

from pathlib import Path

Descriptors = frozenset[tuple[int, Path]]
"""Each with its number and what it refers to (proc_pid_fd(5))."""


def open_descriptors(pid: int | None = None) -> Descriptors:
    """What that process (None: this one) has open now.

    What was opened since is this less that of before.
    """
    found = set()
    for entry in Path(f"/proc/{pid or 'self'}/fd").iterdir():
        try:
            found.add((int(entry.name), entry.readlink()))
        except FileNotFoundError:
            # The listing's own, or one that was closed meanwhile.
            continue
    return frozenset(found)
