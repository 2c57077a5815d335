"""The event log against a daemon that is deaf, goes away and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import grpc
import pytest

from iluvatar_bench.containerd.client import Client, connect
from iluvatar_bench.containerd.services.events import DaemonEvent
from iluvatar_bench.monitor import EventLog, event_log
from iluvatar_bench.monitor.event_log import MOST_EVENTS_KEPT, end_task
from tests.support.fake_containerd import FakeContainerd, fake_containerd


@pytest.fixture
async def fake(short_folder: Path) -> AsyncIterator[FakeContainerd]:
    async with fake_containerd(short_folder / "s") as fake:
        yield fake


@pytest.fixture
async def client(fake: FakeContainerd, short_folder: Path) -> AsyncIterator[Client]:
    async with connect(short_folder / "s") as client:
        yield client


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        # Lists grow and numbers change; nothing announces it.
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


def calls(fake: FakeContainerd, call: str) -> int:
    return sum(made == call for made, _, _ in fake.calls)


def gap_closed(log: EventLog, gaps: int) -> Callable[[], bool]:
    return lambda: len(log.gaps) == gaps and log.gaps[-1].ended_at is not None


async def test_the_block_begins_only_once_events_surely_come(
    fake: FakeContainerd, client: Client
) -> None:
    fake.accepting.clear()
    opened = asyncio.Event()

    async def follow() -> list[str]:
        async with event_log(client) as log:
            opened.set()
            fake.emit_exit("c", pid=1)
            await until(lambda: bool(log.events))
            assert log.complete
            return [event.topic for event in log.events]

    following = asyncio.create_task(follow())
    # What is published to a subscription that is not accepted yet is lost, so it is tried again.
    await until(lambda: calls(fake, "Events.Publish") >= 3)
    assert not opened.is_set()
    fake.accepting.set()
    # The proofs themselves are not events of anybody's.
    assert await following == ["/tasks/exit"]


async def test_a_broken_stream_is_a_gap_then_reconciled_then_followed_on(
    fake: FakeContainerd, client: Client
) -> None:
    reconciled: list[int] = []

    async def reconcile() -> None:
        reconciled.append(len(log.events))

    async with event_log(client, on_reconnect=reconcile) as log:
        for number in (1, 2):
            fake.break_streams()
            await until(gap_closed(log, number))
            fake.emit_exit(f"c{number}", pid=number)
            await until(lambda: len(log.events) == number)  # noqa: B023
    assert reconciled == [0, 1]
    assert [event.container_id for event in log.events] == ["c1", "c2"]
    assert not log.complete
    for gap in log.gaps:
        assert gap.ended_at is not None
        assert gap.began_at < gap.ended_at
        assert "transport is closing" in gap.reason


async def test_a_daemon_that_stays_away_for_a_while_is_one_gap(
    fake: FakeContainerd, client: Client
) -> None:
    async with event_log(client) as log:
        before = calls(fake, "Events.Subscribe")
        fake.answers = {"Events.Subscribe": grpc.StatusCode.UNAVAILABLE}
        fake.break_streams()
        await until(lambda: calls(fake, "Events.Subscribe") >= before + 3)
        assert len(log.gaps) == 1
        assert log.gaps[0].ended_at is None
        fake.answers = {}
        await until(gap_closed(log, 1))


async def test_a_reconciliation_that_fails_is_tried_again(
    fake: FakeContainerd, client: Client
) -> None:
    async def reconcile() -> None:
        await client.tasks.list()
        fake.calls.append(("reconciled", "", ""))

    async with event_log(client, on_reconnect=reconcile) as log:
        fake.answers = {"Tasks.List": grpc.StatusCode.UNAVAILABLE}
        fake.break_streams()
        await until(lambda: calls(fake, "Tasks.List") >= 2)
        assert log.gaps[0].ended_at is None
        fake.answers = {}
        await until(gap_closed(log, 1))
    assert calls(fake, "reconciled") == 1


async def test_a_daemon_without_events_is_said_to_be_one(
    fake: FakeContainerd, client: Client
) -> None:
    fake.answers = {"Events.Subscribe": grpc.StatusCode.UNIMPLEMENTED}
    async with event_log(client) as log:
        assert log.broken is not None
        assert "Events.Subscribe" in log.broken
        assert not log.complete


async def test_a_cancellation_of_who_waits_for_the_end_is_not_taken_for_the_end() -> None:
    """The log is closed while somebody gives up waiting for that: it must come out."""
    going_on = asyncio.Event()

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await going_on.wait()
            raise

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    ending = asyncio.create_task(end_task(task))
    await asyncio.sleep(0)
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    assert not task.done()
    going_on.set()
    await asyncio.wait((task,))
    assert task.cancelled()


async def test_the_log_keeps_the_last_events_and_hands_on_each(
    fake: FakeContainerd, client: Client
) -> None:
    handed_on = 0

    def count(_: DaemonEvent) -> None:
        nonlocal handed_on
        handed_on += 1

    async with event_log(client, on_event=count) as log:
        for number in range(MOST_EVENTS_KEPT + 50):
            fake.emit_exit(f"c{number}", pid=number)
        await until(lambda: handed_on == MOST_EVENTS_KEPT + 50)
    assert len(log.events) == MOST_EVENTS_KEPT
    assert log.events[-1].container_id == f"c{MOST_EVENTS_KEPT + 49}"
    for name in ("c0", "c49", "c50", "c51", f"c{MOST_EVENTS_KEPT + 49}"):
        assert log.events.of(name) == tuple(
            event for event in log.events if event.container_id == name
        )


async def test_an_error_of_ours_while_taking_an_event_is_not_swallowed(
    fake: FakeContainerd, client: Client
) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with event_log(client, on_event=fail):
            fake.emit_exit("c", pid=1)
            await until(lambda: not fake.subscribed)
