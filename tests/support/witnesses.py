"""A monitor with the kernel's witness, for tests that ask who sent a signal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.monitor import Monitor, open_monitor, open_witness


@asynccontextmanager
async def witnessed(node: Node) -> AsyncIterator[Monitor]:
    """Both for the length of the block; the test is skipped where the kernel tells nobody."""
    async with (
        open_witness() as witness,
        open_monitor(node.client, sample_seconds=0, witness=witness) as monitor,
    ):
        if not witness.sees:
            pytest.skip("needs tracefs, to know who sent a signal")
        yield monitor
