"""Leases that expire, against the real collector: when they do is what their maker was told."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from iluvatar_bench.containerd.daemon.private import Node, private_daemon
from iluvatar_bench.containerd.expiry import expiry
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR

pytestmark = [pytest.mark.daemon, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def quiet_node() -> AsyncIterator[Node]:
    async with private_daemon(collector=QUIET_COLLECTOR) as node:
        yield node


@pytest.mark.parametrize("seconds", [0.0004, 0.05, 0.3])
async def test_the_first_collection_after_the_told_expiry_takes_what_the_lease_held(
    quiet_node: Node, seconds: float
) -> None:
    """A client with a clock of its own is too early by as long as it stood still in between."""
    client = quiet_node.client
    snapshots = client.snapshots("overlayfs")
    for number in range(10):
        at = await client.leases.create("short", expires_in_seconds=seconds)
        (lease,) = await client.leases.details()
        assert lease.expires_at == at
        await snapshots.prepare(f"held-{number}", parent="", lease="short")
        await expiry(at)
        await client.leases.force_collection()
        assert await client.leases.list() == ()
        assert await snapshots.list() == ()


async def test_a_lease_without_an_end_has_none(quiet_node: Node) -> None:
    assert await quiet_node.client.leases.create("lasting") is None
    (lease,) = await quiet_node.client.leases.details()
    assert lease.expires_at is None
    await expiry(None)
    await quiet_node.client.leases.force_collection()
    assert await quiet_node.client.leases.list() == ("lasting",)
    await quiet_node.client.leases.delete("lasting")
