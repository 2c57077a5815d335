"""Stopping a process as a debugger or a frozen host does: all of it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.support.waiting import wait_for


def stop_process(pid: int) -> None:
    """Send SIGSTOP, and return once every thread stands still; SIGCONT lets it go on.

    Until the one thread that takes the signal has run, the others go on and may answer.
    """
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: stands_still(pid))


def stands_still(pid: int) -> bool:
    """Whether the process is there and every thread of it is stopped."""
    try:
        threads = [thread.read_text() for thread in Path(f"/proc/{pid}/task").glob("*/stat")]
    except OSError:  # one has ended meanwhile
        return False
    return bool(threads) and all(told.rpartition(")")[2].split()[0] == "T" for told in threads)
