"""What a process has started, held while that can be told: its end makes orphans of its children.

A container's processes are found by its cgroup, unless they never joined it.
"""

from __future__ import annotations

import os
import re
import select
import signal
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from iluvatar_bench.host.kernel.processes import all_pids

_PARENT = re.compile(rb"\) \S (\d+) ")
"""In ``/proc/<pid>/stat``; the name before it may hold anything (proc(5))."""


def descendants(tops: Iterable[int]) -> frozenset[int]:
    """The processes below these, as they are now; without themselves."""
    children: dict[int, list[int]] = defaultdict(list)
    for pid in all_pids():
        try:
            stat = Path(f"/proc/{pid}/stat").read_bytes()
        except OSError:
            continue
        if found := _PARENT.search(stat, stat.rfind(b")")):
            children[int(found[1])].append(pid)
    below: set[int] = set()
    waiting = list(tops)
    while waiting:
        for child in children[waiting.pop()]:
            if child not in below:
                below.add(child)
                waiting.append(child)
    return frozenset(below)


@contextmanager
def held_descendants(tops: Iterable[int]) -> Iterator[dict[int, int]]:
    """What is below these processes, by PID, with a pidfd of each for the length of the block.

    Each was looked for again once it was held: its number is its own.
    """
    tops = tuple(tops)
    with ExitStack() as stack:
        held = {}
        for pid in descendants(tops):
            try:
                held[pid] = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            stack.callback(os.close, held[pid])
        still = descendants(tops)
        yield {pid: descriptor for pid, descriptor in held.items() if pid in still}


def end_held(held: dict[int, int], *, seconds: float = 10.0) -> tuple[int, ...]:
    """SIGKILL held processes, and wait until they are gone.

    Returns:
        the PIDs that were still there when the time was up.
    """
    for descriptor in held.values():
        try:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        except ProcessLookupError:
            continue
    deadline = time.monotonic() + seconds
    return tuple(pid for pid, descriptor in held.items() if not _ended(descriptor, deadline))


def _ended(descriptor: int, deadline: float) -> bool:
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(max(0, int((deadline - time.monotonic()) * 1000))))
