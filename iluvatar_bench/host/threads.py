"""Short blocking calls beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def run_to_end(function: Callable[[], T], *, undo: Callable[[T], object]) -> T:
    """Run a short blocking call in a thread; when cancelled, undo what it has made by then.

    A thread cannot be cancelled: :func:`asyncio.to_thread` alone would lose what the call makes
    after the caller has been told that it was cancelled.
    """
    call = asyncio.ensure_future(asyncio.to_thread(function))
    try:
        return await asyncio.shield(call)
    except asyncio.CancelledError:
        call.add_done_callback(lambda done: done.exception() or undo(done.result()))
        await asyncio.wait((call,))
        raise
