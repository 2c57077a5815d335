"""Waiting for an event for a time, so that a cancellation is never lost.

``asyncio.wait_for`` of Python 3.11 returns as if nothing had been where its task is cancelled in a
turn of the event loop in which what it waits for is done already (Lib/asyncio/tasks.py, 3.11.7;
https://github.com/python/cpython/issues/86296, mended in 3.12). Who cancels a task and awaits its
end would wait for ever.
"""

from __future__ import annotations

import asyncio


async def set_within(event: asyncio.Event, seconds: float) -> bool:
    """Return once the event is set, or after ``seconds``: whether it was set."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
