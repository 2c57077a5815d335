"""A warm pool: networks made in advance, so that a cold start need not wait for one."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from iluvatar_bench.errors import IluvatarBenchError, UsageError
from iluvatar_bench.host.network.attachment import Attachment, Holding
from iluvatar_bench.host.network.networks import Network

log = logging.getLogger(__name__)

CONCURRENCY = 4
"""How many networks are made or removed at a time: each takes a few processes and locks."""


@asynccontextmanager
async def open_pool(
    network: Network, *, size: int, concurrency: int = CONCURRENCY
) -> AsyncIterator[NetworkPool]:
    """A pool for the length of a block; all that it made is removed at the end.

    It is filled in the background; :meth:`NetworkPool.wait_full` waits for that. A pool of size 0
    makes each network when it is asked for.

    Raises:
        UsageError: a negative size, or no concurrency.
        IluvatarBenchError: at the end, what could not be removed. An error of the block goes first.
    """
    if size < 0 or concurrency < 1:
        raise UsageError(f"a network pool of size {size} with concurrency {concurrency} cannot be")
    pool = NetworkPool(network, size=size, concurrency=concurrency)
    try:
        yield pool
    except BaseException:
        for error in await pool.close():
            log.error("while closing the network pool: %s", error)
        raise
    errors = await pool.close()
    if errors:
        for secondary in errors[1:]:
            errors[0].add_note(str(secondary))
        raise errors[0]


class NetworkPool:
    """Hands out networks; :func:`open_pool` makes and closes it.

    A refill that fails rests until the next hand-out or return. A hand-out that finds the pool
    empty tries for itself, so the error it raises, if any, is that of its own attempt, with the
    refill's as a note; a refill's error that nobody suffers from is logged.
    """

    def __init__(self, network: Network, *, size: int, concurrency: int) -> None:
        self.size = size
        self.warm_hand_outs = 0
        self.cold_hand_outs = 0
        self._network = network
        self._concurrency = concurrency
        self._slots = asyncio.Semaphore(concurrency)
        self._ready: deque[Attachment] = deque()
        self._made: dict[str, Attachment] = {}
        self._refills: set[asyncio.Task[None]] = set()
        self._refill_error: IluvatarBenchError | None = None
        self._fault: Exception | None = None
        self._closing = False
        self._top_up()

    @property
    def ready(self) -> int:
        """How many networks wait to be handed out."""
        return len(self._ready)

    async def acquire(self) -> Attachment:
        """Hand out a network: a warm one, or one made on the spot.

        Raises:
            NetworkError: none could be made.
        """
        self._raise_fault()
        refill_error, self._refill_error = self._refill_error, None
        if self._ready:
            self.warm_hand_outs += 1
            attachment = self._ready.popleft()
            self._top_up()
            return attachment
        try:
            attachment = await self._make()
        except IluvatarBenchError as error:
            await self._wait_for_refills()
            if not self._ready:
                if refill_error is not None:
                    error.add_note(f"the pool's refill had failed before: {refill_error}")
                raise
            # A refill under way had taken the last address: the pool's own doing.
            attachment = self._ready.popleft()
        self.cold_hand_outs += 1
        self._top_up()
        return attachment

    async def release(self, attachment: Attachment) -> None:
        """Remove a network that was handed out: none is used twice.

        What could not be removed is tried again when the pool is closed.

        Raises:
            NetworkError: it cannot be removed.
        """
        async with self._slots:
            await self._network.detach(attachment)
        self._made.pop(attachment.id, None)
        self._refill_error = None
        self._top_up()

    async def wait_full(self, *, seconds: float) -> None:
        """Wait until the pool is filled.

        Raises:
            NetworkError: the refill failed.
            TimeoutError: it is not filled in this time.
        """
        async with asyncio.timeout(seconds):
            while self._refills:
                await asyncio.wait(self._refills, return_when=asyncio.FIRST_COMPLETED)
        self._raise_fault()
        if self._refill_error is not None:
            raise self._refill_error

    async def outstanding(self) -> tuple[Holding, ...]:
        """What is on the host of this network and does not wait here to be handed out.

        Waits until no refill is under way.
        """
        while self._refills:
            await asyncio.wait(self._refills)
        waiting = {attachment.id for attachment in self._ready}
        return tuple(h for h in self._network.holdings() if h.attachment not in waiting)

    async def close(self) -> list[IluvatarBenchError]:
        """End the refill and remove all that was made and not released.

        Returns:
            what could not be removed.
        """
        self._closing = True
        for refill in self._refills:
            refill.cancel()
        await asyncio.gather(*self._refills, return_exceptions=True)
        self._ready.clear()
        outcomes = await asyncio.gather(
            *(self._remove(attachment) for attachment in tuple(self._made.values()))
        )
        self._raise_fault()
        return [error for error in outcomes if error is not None]

    async def _remove(self, attachment: Attachment) -> IluvatarBenchError | None:
        try:
            await self.release(attachment)
        except IluvatarBenchError as error:
            return error
        return None

    async def _wait_for_refills(self) -> None:
        """Wait until a refill has brought something, or none is under way."""
        while self._refills and not self._ready:
            await asyncio.wait(self._refills, return_when=asyncio.FIRST_COMPLETED)

    async def _make(self) -> Attachment:
        async with self._slots:
            attachment = await self._network.attach()
        self._made[attachment.id] = attachment
        return attachment

    def _top_up(self) -> None:
        """Start as many refills as are wanted and may run."""
        if self._closing or self._fault or self._refill_error:
            return
        wanted = self.size - len(self._ready) - len(self._refills)
        for _ in range(min(wanted, self._concurrency - len(self._refills))):
            refill = asyncio.create_task(self._refill(), name="network-pool-refill")
            self._refills.add(refill)
            refill.add_done_callback(self._refilled)

    async def _refill(self) -> None:
        try:
            self._ready.append(await self._make())
        except IluvatarBenchError as error:
            log.warning("a network could not be made in advance: %s", error)
            self._refill_error = error

    def _refilled(self, refill: asyncio.Task[None]) -> None:
        self._refills.discard(refill)
        if refill.cancelled():
            return
        fault = refill.exception()
        if isinstance(fault, Exception):
            # Not the world's error but this program's: it must not pass for an empty pool.
            self._fault = fault
        self._top_up()

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise self._fault
