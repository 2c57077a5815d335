"""The whole monitor: events, deaths, and what the containers of one client use."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Protocol

from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.services.events import DaemonEvent
from iluvatar_bench.containerd.values import ExitStatus
from iluvatar_bench.host.kernel.held_process import HeldProcess
from iluvatar_bench.monitor.event_log import EventLog, end_task, event_log, event_record
from iluvatar_bench.monitor.exit_watcher import ExitWatcher
from iluvatar_bench.monitor.memory import PERIOD_SECONDS, MemoryPoller, Round
from iluvatar_bench.monitor.witness import Witness
from iluvatar_bench.records import Death, Event, Sample

log = logging.getLogger(__name__)


class ObservationSink(Protocol):
    """Takes what is seen in the moment it is seen; it must not raise."""

    run_id: str

    def event(self, event: Event) -> None:
        """An event of containerd."""

    def death(self, death: Death) -> None:
        """A death, each time that more is known of it."""

    def samples(self, samples: Iterable[Sample]) -> None:
        """One round of the memory poller."""


class Monitor:
    """What is watched, and what was seen: ``events``, ``exits``, ``memory`` and ``witness``."""

    def __init__(
        self,
        events: EventLog,
        exits: ExitWatcher,
        memory: MemoryPoller,
        witness: Witness | None = None,
    ) -> None:
        self.events = events
        self.exits = exits
        self.memory = memory
        self.witness = witness
        self._processes: dict[str, HeldProcess] = {}

    def watch(
        self,
        container_id: str,
        pid: int,
        *,
        exited: asyncio.Future[ExitStatus] | None = None,
    ) -> None:
        """Watch a container whose task has been created; ``pid`` is that of its first process.

        ``exited`` is a Tasks.Wait that is under way already. A process that cannot be held
        (it has ended, say) is left to Tasks.Wait and the events.

        Raises:
            UsageError: a container of this id is being watched.
        """
        try:
            process = HeldProcess(pid)
        except OSError as error:
            # It has ended, or this process is out of descriptors: no reason to fail a container.
            log.warning("container %s is watched by containerd alone: %s", container_id, error)
            self.exits.watch(container_id, pid=pid, process=None, exited=exited)
            return
        try:
            self.exits.watch(container_id, pid=pid, process=process, exited=exited)
        except BaseException:
            process.close()
            raise
        self.memory.watch(container_id, process)
        self._processes[container_id] = process

    def expect_end(self, container_id: str) -> None:
        """The container is being ended on purpose: its memory is read no more, its end is kept."""
        self.memory.unwatch(container_id)

    def unwatch(self, container_id: str) -> None:
        """Watch the container no more; nothing happens if it is not watched."""
        self.memory.unwatch(container_id)
        self.exits.unwatch(container_id)
        process = self._processes.pop(container_id, None)
        if process is not None:
            process.close()

    async def wait_events(self, *, seconds: float) -> None:
        """Return once the event of every known death has come, or the time is up.

        The shim sends it when it has answered the Wait, or later, and a container may be removed
        and gone by then. Where events were missed none is waited for: it may be among them.
        """
        if not self.events.complete:
            return
        try:
            async with asyncio.timeout(seconds):
                await self.exits.wait_events()
        except TimeoutError:
            log.warning("no event has told every death within %g s", seconds)

    def samples(self, run_id: str) -> list[Sample]:
        """Every sample so far; where a sink gets them, the last round's."""
        return self.memory.samples(run_id)

    def close(self) -> None:
        """Let go of everything that is watched; what was seen stays."""
        for container_id in list(self._processes):
            self.unwatch(container_id)
        self.memory.close()
        self.exits.close()


@asynccontextmanager
async def open_monitor(
    client: Client,
    *,
    sample_seconds: float = PERIOD_SECONDS,
    on_death: Callable[[str], None] | None = None,
    sink: ObservationSink | None = None,
    witness: Witness | None = None,
) -> AsyncIterator[Monitor]:
    """A monitor for the length of the block.

    What it saw can be read afterwards, unless a ``sink`` gets it: then only the last is kept, so
    that a monitor takes no more memory however long it watches.

    ``sample_seconds`` is the memory poller's period (0: memory is not read). ``on_death`` is called
    with a container's id, once, as soon as its death is known. ``witness`` is the kernel's, open
    and the caller's; without one nobody knows who sent a signal.
    """
    exits = ExitWatcher(
        client,
        on_death=on_death,
        on_told=None if sink is None else sink.death,
        run_id="" if sink is None else sink.run_id,
    )

    def take_event(event: DaemonEvent) -> None:
        exits.take_event(event)
        if sink is not None:
            sink.event(event_record(event, sink.run_id))

    def take_round(done: Round, before: Round | None) -> None:
        if sink is not None:
            sink.samples(done.samples(sink.run_id, before=before))

    memory = MemoryPoller(
        on_gone=exits.take_poll, on_round=take_round, keep=sink is None, counters=True
    )
    async with event_log(client, on_event=take_event, on_reconnect=exits.reconcile) as events:
        monitor = Monitor(events, exits, memory, witness)
        poller = asyncio.create_task(_poll(memory, sample_seconds))
        try:
            yield monitor
        finally:
            monitor.close()
            await end_task(poller)


async def _poll(memory: MemoryPoller, sample_seconds: float) -> None:
    if sample_seconds > 0:
        await memory.run(period_seconds=sample_seconds)
