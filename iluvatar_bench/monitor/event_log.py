"""Keeps what containerd says, over broken streams and restarts, and knows what it has missed.

Containerd acknowledges no subscription and replays nothing (CONTAINERD.md, section 3). So each
stream is proven: events of our own are published until one of them comes back. From then on nothing
is missed until the stream breaks; what lies between is a gap, to be reconciled with Tasks.List.
Who may only read publishes nothing: an answer to a request that was sent after the subscription has
to do (the daemon takes the requests of one connection in their order, and hands each to a thread of
its own), and what was there or came in the first moment is to be listed.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.services.events import DaemonEvent
from iluvatar_bench.errors import AnswerLost, ContainerdError, DaemonFault, Unreachable
from iluvatar_bench.host.set_within import set_within
from iluvatar_bench.monitor.kept_events import MOST_EVENTS_KEPT, KeptEvents
from iluvatar_bench.records import Event

log = logging.getLogger(__name__)

FIRST_BACKOFF_SECONDS = 0.02
LAST_BACKOFF_SECONDS = 1.0
OPEN_SECONDS = 10.0
"""How long opening the log waits for the first stream to be proven."""

_ECHO_HOME = "/iluvatar-bench/echo/"
_ECHO_SECONDS = 0.02

_PASSING = (AnswerLost, Unreachable, DaemonFault)
"""Errors that a daemon which comes back may not give again."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which events may have been missed; seconds since the epoch.

    ``ended_at`` is None while it lasts.
    """

    began_at: float
    reason: str
    ended_at: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """The gap as JSON-ready values."""
        return asdict(self)


def event_record(event: DaemonEvent, run_id: str) -> Event:
    """The event as a record of a run."""
    return Event(
        run_id=run_id,
        timestamp=event.timestamp.isoformat() if event.timestamp else "",
        topic=event.topic,
        container_id=event.container_id,
        pid=event.pid,
        exit_status=event.exit_status,
        snapshot_key=event.snapshot_key,
    )


class EventLog:
    """The events of one namespace, or those that ``filters`` let through.

    ``events`` are the last ``most_kept``; ``on_event`` has had every one. ``gaps`` are
    the times in which some may be missing; ``broken`` says why nothing more will come, once this
    daemon has refused to give events at all.
    """

    def __init__(
        self,
        client: Client,
        *,
        on_event: Callable[[DaemonEvent], None] | None = None,
        on_reconnect: Callable[[], Awaitable[None]] | None = None,
        filters: Sequence[str] | None = None,
        read_only: bool = False,
        most_kept: int = MOST_EVENTS_KEPT,
    ) -> None:
        self.events = KeptEvents(most_kept)
        self.gaps: list[Gap] = []
        self.broken: str | None = None
        self._client = client
        self._on_event = on_event
        self._on_reconnect = on_reconnect
        self._filters = filters
        self._read_only = read_only
        self._connected = asyncio.Event()
        self._echo = f"{_ECHO_HOME}{secrets.token_hex(8)}"
        self._echoed = asyncio.Event()

    @property
    def complete(self) -> bool:
        """Whether every event since the opening is here."""
        return not self.gaps and self.broken is None

    @property
    def connected(self) -> bool:
        """Whether events come now."""
        return self._connected.is_set()

    async def wait_connected(self) -> None:
        """Return when a stream is proven; at once if one is. No end if the log is ``broken``."""
        await self._connected.wait()

    async def _follow(self) -> None:
        """Keep a stream open, whatever becomes of the daemon."""
        backoff = FIRST_BACKOFF_SECONDS
        while True:
            try:
                await self._follow_one_stream()
                reason = "the daemon ended the event stream"
            except _PASSING as error:
                reason = str(error)
            except ContainerdError as error:
                self.broken = str(error)
                log.warning("no events from this daemon: %s", error)
                return
            if self._connected.is_set():
                backoff = FIRST_BACKOFF_SECONDS
                self._begin_gap(reason)
            await asyncio.sleep(backoff)
            backoff = min(2 * backoff, LAST_BACKOFF_SECONDS)

    async def _follow_one_stream(self) -> None:
        self._echoed.clear()
        proof = asyncio.create_task(self._prove())
        try:
            async for event in self._client.events.subscribe(self._filters):
                self._take(event)
        finally:
            await end_task(proof)

    def _take(self, event: DaemonEvent) -> None:
        if event.topic == self._echo:
            self._echoed.set()
        elif not event.topic.startswith(_ECHO_HOME):
            self.events.append(event)
            if self._on_event is not None:
                self._on_event(event)

    async def _prove(self) -> None:
        """Wait until the stream is proven, then reconcile and close the gap."""
        await (self._answered() if self._read_only else self._heard_ourselves())
        echoed_at = time.time()
        self._connected.set()
        if self._open_gap is not None:
            await self._reconcile()
            self.gaps[-1] = replace(self.gaps[-1], ended_at=echoed_at)
            log.info("events come again, after %.3f s", echoed_at - self.gaps[-1].began_at)

    async def _heard_ourselves(self) -> None:
        """Publish until the stream brings it back."""
        while not self._echoed.is_set():
            try:
                await self._client.events.publish(self._echo)
            except _PASSING as error:
                # If the daemon went away the stream says so too; if not, the next one may pass.
                log.debug("%s", error)
            await set_within(self._echoed, _ECHO_SECONDS)

    async def _answered(self) -> None:
        """Ask until there is an answer, and let the subscription that was sent before settle."""
        while True:
            try:
                await self._client.introspection.version()
                break
            except _PASSING as error:
                log.debug("%s", error)
                await asyncio.sleep(_ECHO_SECONDS)
        await asyncio.sleep(_ECHO_SECONDS)

    async def _reconcile(self) -> None:
        if self._on_reconnect is None:
            return
        while True:
            try:
                await self._on_reconnect()
                break
            except _PASSING as error:
                log.warning("could not reconcile: %s", error)
                await asyncio.sleep(FIRST_BACKOFF_SECONDS)

    @property
    def _open_gap(self) -> Gap | None:
        return self.gaps[-1] if self.gaps and self.gaps[-1].ended_at is None else None

    def _begin_gap(self, reason: str) -> None:
        self._connected.clear()
        if self._open_gap is None:
            self.gaps.append(Gap(time.time(), reason))
        log.warning("the event stream broke: %s", reason)


@asynccontextmanager
async def event_log(
    client: Client,
    *,
    on_event: Callable[[DaemonEvent], None] | None = None,
    on_reconnect: Callable[[], Awaitable[None]] | None = None,
    filters: Sequence[str] | None = None,
    read_only: bool = False,
) -> AsyncIterator[EventLog]:
    """Follow the events for the length of the block.

    The block begins once the first stream is proven: every event that comes later is in the log. If
    that takes too long the log begins with a gap. ``on_event`` is called with each event that is
    kept, ``on_reconnect`` after each gap. ``filters`` are containerd's (None: the client's
    namespace, empty: everything); with ``read_only`` nothing is published.
    """
    kept = EventLog(
        client,
        on_event=on_event,
        on_reconnect=on_reconnect,
        filters=filters,
        read_only=read_only,
    )
    async with followed(kept):
        yield kept


@asynccontextmanager
async def followed(kept: EventLog) -> AsyncIterator[None]:
    """Fill a log for the length of the block, as :func:`event_log` does with one of its own."""
    follower = asyncio.create_task(kept._follow())
    connected = asyncio.create_task(kept.wait_connected())
    try:
        await asyncio.wait(
            (follower, connected), timeout=OPEN_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        if not connected.done() and kept.broken is None:
            kept._begin_gap(f"no events came within {OPEN_SECONDS:g} s")
        yield
    finally:
        await end_task(connected)
        await end_task(follower)


async def end_task(task: asyncio.Task[None]) -> None:
    """Cancel a task and await its end; what it had failed of before that comes out.

    Awaiting the task itself would not do: a cancellation of the caller, which comes as the same
    exception, would be taken for the task's.
    """
    task.cancel()
    await asyncio.wait((task,))
    if not task.cancelled() and (error := task.exception()) is not None:
        raise error
