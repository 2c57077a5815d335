"""The watchdogs of a process of ours, found as anybody could find them."""

from __future__ import annotations

from iluvatar_bench.containerd.daemon import watchdog_process
from iluvatar_bench.host.kernel import processes
from tests.support.waiting import wait_for


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
    ((pid, place_id),) = wait_for(lambda: watchdogs_of(owner_pid), seconds=30).items()
    return pid, place_id
