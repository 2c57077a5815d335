"""The watchdogs of a process of ours, found as anybody could find them."""

from __future__ import annotations

import time

from iluvatar_bench.containerd.daemon import watchdog_process
from iluvatar_bench.host.kernel import processes


def watchdogs_of(owner_pid: int) -> dict[int, str]:
    """The watchdogs of a process, and the places that they watch."""
    program = watchdog_process.__file__
    lines = {pid: processes.command_line(pid) for pid in processes.all_pids()}
    return {
        pid: line[3]
        for pid, line in lines.items()
        if line[2:3] == (program,) and processes.parent_of(pid) == owner_pid
    }


def only_watchdog(owner_pid: int) -> tuple[int, str]:
    deadline = time.monotonic() + 30
    while not (found := watchdogs_of(owner_pid)):
        assert time.monotonic() < deadline
    ((pid, place_id),) = found.items()
    return pid, place_id
