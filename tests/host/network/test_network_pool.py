from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from iluvatar_bench.errors import NetworkError, PluginFailed, UsageError
from iluvatar_bench.host.network.attachment import AddressBook, Attachment, NetworkMode
from iluvatar_bench.host.network.network_pool import open_pool
from iluvatar_bench.host.network.network_residue import holdings
from iluvatar_bench.host.network.networks import HostNetwork, open_network
from tests.support.networks import needs_root, own_settings


class Gated:
    """A network that makes as many attachments as it is allowed to, and fails on demand."""

    def __init__(self, *, permits: int = 1_000_000) -> None:
        self.book = AddressBook()
        self.permits = asyncio.Semaphore(permits)
        self.drained = asyncio.Event()
        self.failure: Exception | None = None
        self.attached = 0
        self.attempts = 0
        self.most_at_once = 0
        self._at_once = 0
        self._inner = HostNetwork()

    async def attach(self) -> Attachment:
        self.attempts += 1
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await self.permits.acquire()
            if self.failure is not None:
                raise self.failure
            self.attached += 1
            if self.permits.locked():
                self.drained.set()
            return await self._inner.attach()
        finally:
            self._at_once -= 1

    async def detach(self, attachment: Attachment) -> None:
        await self._inner.detach(attachment)
        self.attached -= 1

    async def check(self, attachment: Attachment) -> None:
        await self._inner.check(attachment)


async def test_a_pool_is_filled_hands_out_and_fills_again() -> None:
    network = Gated()
    async with open_pool(network, size=3) as pool:
        await pool.wait_full(seconds=10)
        assert (pool.ready, network.attached) == (3, 3)
        first = await pool.acquire()
        await pool.wait_full(seconds=10)
        assert (pool.ready, network.attached) == (3, 4)
        await pool.release(first)
        assert (pool.ready, network.attached) == (3, 3)
        assert (pool.warm_hand_outs, pool.cold_hand_outs) == (1, 0)
    assert network.attached == 0


async def test_a_pool_of_size_0_makes_on_the_spot() -> None:
    network = Gated()
    async with open_pool(network, size=0) as pool:
        await pool.wait_full(seconds=10)
        assert network.attached == 0
        await pool.release(await pool.acquire())
        assert (pool.warm_hand_outs, pool.cold_hand_outs) == (0, 1)
        assert network.attached == 0


async def test_an_empty_pool_makes_on_the_spot() -> None:
    async with open_pool(Gated(), size=2) as pool:
        attachments = await asyncio.gather(*(pool.acquire() for _ in range(10)))
        assert len({attachment.id for attachment in attachments}) == 10
        assert pool.warm_hand_outs + pool.cold_hand_outs == 10


async def test_no_more_than_the_concurrency_are_made_at_a_time() -> None:
    network = Gated()
    async with open_pool(network, size=20, concurrency=3) as pool:
        await asyncio.gather(*(pool.acquire() for _ in range(10)))
        await pool.wait_full(seconds=10)
        assert pool.ready == 20
    assert network.most_at_once <= 3


async def test_closing_removes_what_was_handed_out_and_what_is_being_made() -> None:
    network = Gated(permits=3)
    async with open_pool(network, size=5, concurrency=2) as pool:
        await pool.acquire()
        await network.drained.wait()
    assert network.attached == 0


async def test_a_failed_refill_is_reported_at_the_hand_out_that_suffers() -> None:
    network = Gated()
    network.failure = NetworkError("no addresses")
    async with open_pool(network, size=2) as pool:
        with pytest.raises(NetworkError, match="no addresses"):
            await pool.wait_full(seconds=10)
        network.failure = NetworkError("still none")
        with pytest.raises(NetworkError, match="still none") as caught:
            await pool.acquire()
        assert caught.value.__notes__ == ["the pool's refill had failed before: no addresses"]
        network.failure = None
        assert await pool.acquire()
        await pool.wait_full(seconds=10)
        assert pool.ready == 2


async def test_a_refill_that_fails_does_not_try_again_and_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    network = Gated()
    network.failure = NetworkError("no addresses")
    with caplog.at_level(logging.WARNING):
        async with open_pool(network, size=8, concurrency=1) as pool:
            with pytest.raises(NetworkError):
                await pool.wait_full(seconds=10)
            for _ in range(100):
                await asyncio.sleep(0)
            assert network.attempts == 1
    assert "could not be made in advance: no addresses" in caplog.text


async def test_a_fault_of_the_program_does_not_pass_for_an_empty_pool() -> None:
    network = Gated()
    network.failure = ZeroDivisionError("a bug")
    with pytest.raises(ZeroDivisionError):
        async with open_pool(network, size=2) as pool:
            with pytest.raises(ZeroDivisionError):
                await pool.wait_full(seconds=10)
            with pytest.raises(ZeroDivisionError):
                await pool.acquire()


async def test_the_error_of_the_block_goes_before_that_of_the_closing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Stuck(Gated):
        async def detach(self, attachment: Attachment) -> None:
            raise NetworkError("stuck")

    with pytest.raises(KeyError):
        async with open_pool(Stuck(), size=1) as pool:
            await pool.acquire()
            raise KeyError
    assert "while closing the network pool: stuck" in caplog.text
    with pytest.raises(NetworkError, match="stuck"):
        async with open_pool(Stuck(), size=1) as pool:
            await pool.acquire()


@pytest.mark.parametrize(("size", "concurrency"), [(-1, 1), (1, 0)])
async def test_an_impossible_pool_is_refused(size: int, concurrency: int) -> None:
    with pytest.raises(UsageError, match="network pool"):
        async with open_pool(Gated(), size=size, concurrency=concurrency):
            pass


@pytest.mark.parametrize(
    "mode",
    [
        pytest.param(NetworkMode.LOOPBACK, marks=needs_root()),
        pytest.param(NetworkMode.BRIDGE, marks=needs_root(bridge=True)),
    ],
)
async def test_real_networks_are_pooled_and_removed(mode: NetworkMode, short_folder: Path) -> None:
    settings = own_settings(short_folder / "net", mode)
    async with open_network(settings) as network:
        async with open_pool(network, size=4) as pool:
            await pool.wait_full(seconds=30)
            assert len(holdings(settings.home).namespaces) == 4
            attachments = [await pool.acquire() for _ in range(6)]
            for attachment in attachments[:3]:
                await network.check(attachment)
                await pool.release(attachment)
        held = holdings(settings.home)
        assert (held.namespaces, held.bridge_ports, held.addresses) == ((), (), ())
    assert not settings.home.exists()


@pytest.mark.parametrize("case", [pytest.param("bridge", marks=needs_root(bridge=True))])
async def test_an_exhausted_range_shows_at_the_hand_out(case: str, short_folder: Path) -> None:
    settings = own_settings(short_folder / "net", NetworkMode(case), prefix=29)
    async with open_network(settings) as network, open_pool(network, size=8) as pool:
        with pytest.raises(PluginFailed, match="no IP addresses available in range set"):
            await pool.wait_full(seconds=30)
        attachments = []
        with pytest.raises(PluginFailed, match="no IP addresses available in range set"):
            while True:
                attachments.append(await pool.acquire())
        assert len(attachments) == 5
        await pool.release(attachments.pop())
        attachments.append(await pool.acquire())
