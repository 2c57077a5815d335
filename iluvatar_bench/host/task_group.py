"""Task groups whose errors are for people: one error comes out, not a group of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def task_group() -> AsyncIterator[asyncio.TaskGroup]:
    """An ``asyncio.TaskGroup`` that raises its first error alone; the others are its notes.

    What went wrong first ended the tasks beside it, so what they say is secondary.
    """
    try:
        async with asyncio.TaskGroup() as group:
            yield group
        return
    except BaseExceptionGroup as failed:
        first, *others = _leaves(failed)
    for other in others:
        first.add_note(f"also: {other!r}")
    # Out here its context is not the group that it was in.
    raise first


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
