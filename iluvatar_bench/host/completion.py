"""Work that a cancellation must not cut in two, or something of it would be left on the host."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def call_to_end(function: Callable[[], T], *, undo: Callable[[T], object]) -> T:
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


async def finish(work: Coroutine[Any, Any, T]) -> T:
    """Await the work; when cancelled, let it come to its end before the cancellation goes on.

    For removal: it is to have time limits of its own.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        # What the work says then is nobody's any more.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.wait((task,))
        raise
