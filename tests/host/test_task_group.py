"""What comes out of a task group is one error, the first, with the others as its notes."""

from __future__ import annotations

import asyncio

import pytest

from iluvatar_bench.host.task_group import task_group


async def fails(error: BaseException, *after: asyncio.Event) -> None:
    for event in after:
        await event.wait()
    raise error


async def test_the_first_error_comes_alone() -> None:
    first, second = OSError("first"), KeyError("second")

    async def fails_as_it_ends() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise second

    with pytest.raises(OSError, match="first") as caught:
        async with task_group() as group:
            group.create_task(fails_as_it_ends())
            # The other one waits before this one fails.
            await asyncio.sleep(0)
            group.create_task(fails(first))
    assert caught.value is first
    assert caught.value.__notes__ == ["also: KeyError('second')"]
    assert caught.value.__context__ is None


async def test_groups_in_groups_are_one_error_too() -> None:
    async def inner() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fails(ValueError("deep")))

    with pytest.raises(ValueError, match="deep"):
        async with task_group() as group:
            group.create_task(inner())


async def test_an_error_of_the_block_ends_the_tasks_and_comes_out() -> None:
    ended = asyncio.Event()

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(ZeroDivisionError):
        async with task_group() as group:
            group.create_task(waits())
            await asyncio.sleep(0)
            1 / 0  # noqa: B018
    assert ended.is_set()


async def test_a_cancelled_block_is_cancelled() -> None:
    async def block() -> None:
        async with task_group() as group:
            group.create_task(asyncio.Event().wait())
            await asyncio.Event().wait()

    task = asyncio.create_task(block())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
