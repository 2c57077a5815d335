"""A monitor with the kernel's witness, for tests that ask who sent a signal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.monitor import Monitor, open_monitor, open_witness

INITIAL_PID_NAMESPACE = 0xEFFFFFFC
"""The inode of the one that the kernel began with (PROC_PID_INIT_INO, include/linux/proc_ns.h)."""

WITNESSED = Path("/proc/self/ns/pid").stat().st_ino == INITIAL_PID_NAMESPACE
"""Whether the kernel's witness can tell who sent a signal here."""

needs_witness = pytest.mark.skipif(
    not WITNESSED,
    reason="the kernel's witness is blind in a PID namespace",
)


@asynccontextmanager
async def witnessed(node: Node) -> AsyncIterator[Monitor]:
    """Both for the length of the block; the test is skipped where the kernel tells nobody."""
    async with (
        open_witness() as witness,
        open_monitor(node.client, sample_seconds=0, witness=witness) as monitor,
    ):
        if not witness.sees:
            pytest.skip(f"nobody tells who sent a signal: {witness.remark}")
        yield monitor
