"""Cleaning up without hiding what went wrong first.

A ``finally`` that raises puts its own error in the place of the one that ended the block: a lost
answer would become the refusal of what was tried after it. Here the first error is the one that is
raised; what goes wrong later is its note, and in the log. *Already gone* is no error on the way
out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TypeVar

from iluvatar_bench.errors import NotFound
from iluvatar_bench.host.completion import finish

log = logging.getLogger(__name__)

T = TypeVar("T")

UNDO_SECONDS = 20.0
"""How long what follows an error may take: a daemon that is gone must not hold up its telling."""


class FirstError:
    """Parts of a removal that are all tried; the first error is raised, the others are its notes.

    ``errors`` are those so far, the one to be raised first.
    """

    def __init__(self) -> None:
        self.errors: list[Exception] = []

    async def attempt(self, work: Awaitable[T]) -> T | None:
        """Await a part; None where it failed, or where what it removes is gone already."""
        try:
            return await work
        except NotFound:
            return None
        except Exception as error:
            self.errors.append(error)
            return None

    def raise_first(self) -> None:
        """Raise the first error, if there is any."""
        if self.errors:
            first, *others = self.errors
            for error in others:
                first.add_note(_words(error))
            raise first


def all_tried(parts: Iterable[Callable[[], object]]) -> None:
    """Call every part; the first error is raised then, the others are its notes."""
    first_error = FirstError()
    for part in parts:
        try:
            part()
        except Exception as error:
            first_error.errors.append(error)
    first_error.raise_first()


@asynccontextmanager
async def cleaned_up(
    undo: Callable[[], Awaitable[object]],
    *,
    only_after_failure: bool = False,
    unless: tuple[type[BaseException], ...] = (),
) -> AsyncIterator[None]:
    """Call ``undo`` at the end of the block; what ended the block is what comes out of it.

    ``undo`` is called after every block, or only after one that failed; errors of the kinds
    ``unless`` need no undoing. After an error it has :data:`UNDO_SECONDS`, and its own errors are
    notes. A cancellation lets it come to its end.

    Raises:
        Exception: that of ``undo``, after a block without one.
    """
    try:
        yield
    except BaseException as first:
        if not isinstance(first, unless):
            await _undo_after(first, undo)
        raise
    if not only_after_failure:
        try:
            await undo()
        except NotFound:
            pass


async def _undo_after(first: BaseException, undo: Callable[[], Awaitable[object]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(UNDO_SECONDS):
            await undo()

    try:
        await finish(bounded())
    except NotFound:
        pass
    except Exception as error:
        log.warning("cleaning up after %s: %s", _words(first), _words(error))
        first.add_note(_words(error))


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
