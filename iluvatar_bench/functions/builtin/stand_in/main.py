"""Stands in for a function of a trace: as long, and in as much memory. It waits, and no more."""

import mmap
import time
from pathlib import Path

MIB = 1 << 20
held = []


def main(args: dict) -> dict:
    """Be busy for ``duration_ms`` (0) with ``memory_mib`` (0) MiB resident, what is taken included.

    What is missing is taken at the first request, within its duration, and kept as a warm container
    keeps it.
    """
    until = time.monotonic() + args.get("duration_ms", 0) / 1000
    missing = int(args.get("memory_mib", 0)) * MIB - resident()
    if missing > 0:
        block = mmap.mmap(-1, missing)
        # Memory counts when a page is first written, not when it is mapped.
        for offset in range(0, missing, mmap.PAGESIZE):
            block[offset] = 1
        held.append(block)
    time.sleep(max(0.0, until - time.monotonic()))
    return {"resident_mib": resident() // MIB}


def resident() -> int:
    """Bytes of this process that are in memory (proc(5), statm)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE
