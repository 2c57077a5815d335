"""Keeps what containerd says while a run goes on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.events import DaemonEvent
from iluvatar_bench.errors import ContainerdError
from iluvatar_bench.records import Event

log = logging.getLogger(__name__)


class EventLog:
    """The events of one namespace since the log was opened.

    ``broken`` holds the reason once the stream has broken: events after that are missing.
    """

    def __init__(self) -> None:
        self.events: list[DaemonEvent] = []
        self.broken: str | None = None

    def records(self, run_id: str) -> list[Event]:
        """The events as records of a run."""
        return [
            Event(
                run_id=run_id,
                timestamp=event.timestamp.isoformat() if event.timestamp else "",
                topic=event.topic,
                container_id=event.container_id,
                pid=event.pid,
                exit_status=event.exit_status,
                snapshot_key=event.snapshot_key,
            )
            for event in self.events
        ]

    async def _follow(self, client: Client) -> None:
        try:
            async for event in client.events.subscribe():
                self.events.append(event)
        except ContainerdError as error:
            self.broken = str(error)
            log.warning("the event stream broke: %s", error)


@asynccontextmanager
async def event_log(client: Client) -> AsyncIterator[EventLog]:
    """Follow the events for the length of the block."""
    kept = EventLog()
    follower = asyncio.create_task(kept._follow(client))
    try:
        yield kept
    finally:
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)
