"""Work that a cancellation must not cut in two, or something of it would be left on the host."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractContextManager, asynccontextmanager
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


@asynccontextmanager
async def in_threads(manager: AbstractContextManager[T]) -> AsyncIterator[T]:
    """A context manager whose entering and leaving block, entered and left in threads.

    Both come to their end also when cancelled, and meanwhile the event loop goes on: others'
    deadlines, and a second Ctrl-C.
    """
    value = await call_to_end(manager.__enter__, undo=lambda _: manager.__exit__(None, None, None))
    async with left_in_thread(manager):
        yield value


@asynccontextmanager
async def left_in_thread(manager: AbstractContextManager[Any]) -> AsyncIterator[None]:
    """The second half of :func:`in_threads`, for what has been entered already."""
    try:
        yield
    except BaseException as error:
        suppressed = await finish(
            asyncio.to_thread(manager.__exit__, type(error), error, error.__traceback__)
        )
        if not suppressed:
            raise
    else:
        await finish(asyncio.to_thread(manager.__exit__, None, None, None))
