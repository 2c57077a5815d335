"""Waiting for an event for a time: what was set, what was not, and a cancellation in between."""

from __future__ import annotations

import asyncio

import pytest

from iluvatar_bench.host.set_within import set_within


async def test_whether_it_was_set_is_the_answer() -> None:
    event = asyncio.Event()
    assert not await set_within(event, 0.001)
    waiting = asyncio.create_task(set_within(event, 60))
    await asyncio.sleep(0)
    event.set()
    assert await waiting
    assert await set_within(event, 0)


@pytest.mark.parametrize("turns", range(4))
async def test_a_cancellation_that_comes_with_the_event_is_one(turns: int) -> None:
    """Until its waiter has come to know of the event, and gone on from there."""
    event, went_on = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        await set_within(event, 60)
        went_on.set()
        await asyncio.Event().wait()

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    event.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    waiting.cancel()
    done, _ = await asyncio.wait((waiting,), timeout=10)
    assert done
    assert waiting.cancelled()
    assert went_on.is_set() == (turns > 0)
