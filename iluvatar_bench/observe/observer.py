"""Observes one containerd for as long as it is wanted: read-only, in a folder of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from iluvatar_bench.audit.read.state_reader import open_reader
from iluvatar_bench.bugs import DaemonFact
from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.daemon.config import DaemonConfig, config_of_daemon
from iluvatar_bench.errors import ContainerdError, UnusablePath
from iluvatar_bench.host.facts import host_facts
from iluvatar_bench.host.journal import kept_synced
from iluvatar_bench.host.process_limits import raise_descriptor_limit
from iluvatar_bench.monitor import (
    EventLog,
    ExitWatcher,
    MemoryPoller,
    Monitor,
    open_witness,
    who_listens,
)
from iluvatar_bench.monitor.event_log import end_task, followed
from iluvatar_bench.monitor.memory import Round
from iluvatar_bench.observe.all_tasks import AllTasks
from iluvatar_bench.observe.attach import Reconciler, usable_snapshotters
from iluvatar_bench.observe.bundles import watched_bundles
from iluvatar_bench.observe.collection_watch import watched_collections
from iluvatar_bench.observe.examine import Examiner
from iluvatar_bench.observe.folder import ObservedFolder, earlier_session, open_folder
from iluvatar_bench.observe.follower import Follower, Name, count_row
from iluvatar_bench.observe.health import NodeHealth
from iluvatar_bench.observe.latent import LatentDamage, look_at_snapshots
from iluvatar_bench.observe.lease_log import LeaseLog
from iluvatar_bench.observe.life import ObservedLife
from iluvatar_bench.observe.log_watch import followed_logs
from iluvatar_bench.observe.neighbours import LateEnds
from iluvatar_bench.observe.node_watch import NodeWatch
from iluvatar_bench.observe.settings import MOST_SIGNALS, ObserveSettings
from iluvatar_bench.observe.snapshots import SnapshotLog
from iluvatar_bench.observe.task_watch import TaskWatch
from iluvatar_bench.records import Trial
from iluvatar_bench.records.run_status import OBSERVED, RunStatus

log = logging.getLogger(__name__)

SYNC_SECONDS = 2.0
"""How much of an observation the end of the host may take."""

LAST_LOOK_SECONDS = 6.0
"""How long what is being looked at has at the end."""

SECOND_LIST_SECONDS = 1.0
"""After the beginning: a container that came while the subscription settled is listed by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """Who is told: ``ready`` once everything is watched, each trial, each damage found.

    ``health`` gets each look at the whole node, ``log`` each failure that a worker's log tells of.
    """

    ready: Callable[[int], None] = lambda _: None
    trial: Callable[[Trial], None] = lambda _: None
    latent: Callable[[LatentDamage], None] = lambda _: None
    health: Callable[[NodeHealth], None] = lambda _: None
    log: Callable[[Mapping[str, Any]], None] = lambda _: None


async def observe(
    settings: ObserveSettings,
    *,
    stop: asyncio.Event,
    seconds: float | None = None,
    listeners: Listeners | None = None,
) -> Path:
    """Observe until ``stop`` is set or ``seconds`` are over; gives the folder.

    Its journals hold everything then; ``write_observed`` makes the tables. A folder that an earlier
    observation has left is gone on with.

    Raises:
        UnusablePath, Unreachable: there is no containerd, or no folder.
        UsageError: the folder is something else's.
        DiskFull: there is no room for a trial.
    """
    raise_descriptor_limit()
    listeners = listeners or Listeners()
    folder = open_folder(settings.out, segment_bytes=settings.segment_bytes)
    async with AsyncExitStack() as stack:
        stack.callback(folder.discard_if_unbegun)
        stack.callback(folder.flush_and_close)
        client = await stack.enter_async_context(open_reader(settings.address))
        observer = await stack.enter_async_context(_opened(settings, folder, client, listeners))
        if settings.logs:
            await stack.enter_async_context(followed_logs(settings.logs, folder, listeners.log))
        listeners.ready(len(observer.follower.lives))
        await observer.wait_end(stop, seconds)
    return folder.path


class _Observer:
    """Everything that runs while one containerd is observed."""

    def __init__(
        self,
        settings: ObserveSettings,
        follower: Follower,
        reconciler: Reconciler,
        events: EventLog,
        node: NodeWatch,
    ) -> None:
        self.settings = settings
        self.follower = follower
        self.reconciler = reconciler
        self.events = events
        self.node = node

    async def reconnected(self) -> None:
        """The event stream is back: what happened meanwhile is to be seen from what is there."""
        self.follower.daemon = await _listener(self.settings.address)
        gaps = self.events.gaps
        why = f"events were cut off: {gaps[-1].reason}" if gaps else "events were cut off"
        await self.reconciler.reconcile(why)

    async def wait_end(self, stop: asyncio.Event, seconds: float | None) -> None:
        """Return at the end; what is being looked at then has a moment left.

        Raises:
            DiskFull, OSError: nothing more can be kept.
        """
        ends = [asyncio.create_task(event.wait()) for event in (stop, self.follower.broken)]
        try:
            await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
        await self.follower.settle(seconds=LAST_LOOK_SECONDS)
        if self.follower.fatal is not None:
            raise self.follower.fatal

    async def list_again(self) -> None:
        """A second look at what is there, once the subscription has settled."""
        await asyncio.sleep(SECOND_LIST_SECONDS)
        with suppress(ContainerdError):
            await self.reconciler.reconcile()

    def notes(self) -> dict[str, Any]:
        """How whole the observation is, for the manifest."""
        events, follower = self.events, self.follower
        bundles = follower.bundles
        return {
            "events_complete": events.complete,
            "event_gaps": [gap.as_dict() for gap in events.gaps],
            "witness": follower.examiner.witness.as_dict(),
            "bundles": {"watched": bundles.watched, "why": bundles.why},
            "collections": {
                "seen": self.node.collections.count,
                "why": self.node.collections.why,
            },
            "counts": {**count_row(follower.counts), "under_way": len(follower.lives)},
            "leases_beyond_limit": self.node.leases.beyond,
            "dropped_segments": follower.folder.dropped_segments,
            "observations_broken": follower.folder.broken,
        }


@asynccontextmanager
async def _opened(
    settings: ObserveSettings, folder: ObservedFolder, client: Client, listeners: Listeners
) -> AsyncIterator[_Observer]:
    async with AsyncExitStack() as stack:
        observer = await _assembled(stack, settings, folder, client, listeners)
        follower = observer.follower
        await _begin_manifest(settings, folder, client)
        await stack.enter_async_context(kept_synced(folder.journals, seconds=SYNC_SECONDS))
        stack.push_async_callback(follower.close)
        await stack.enter_async_context(followed(observer.events))
        await observer.reconciler.reconcile()
        observer.reconciler.bury()
        for job in _rounds(observer, listeners):
            stack.push_async_callback(end_task, asyncio.create_task(job))
        try:
            yield observer
        finally:
            folder.write_manifest(ended_at=datetime.now(UTC).isoformat(), **observer.notes())


async def _assembled(
    stack: AsyncExitStack,
    settings: ObserveSettings,
    folder: ObservedFolder,
    client: Client,
    listeners: Listeners,
) -> _Observer:
    under = cache(client.under)
    lives: dict[Name, ObservedLife] = {}
    version = (await client.introspection.version()).version
    snapshotters = usable_snapshotters(await client.introspection.plugins())
    snapshots = SnapshotLog(under, snapshotters, version)
    daemon = await _listener(settings.address)
    witness = await stack.enter_async_context(
        open_witness(wanted=settings.witness, most_signals=MOST_SIGNALS)
    )
    places = _places(daemon, version)
    state, root = (places.state, places.root) if places is not None else (None, None)
    bundles = await stack.enter_async_context(watched_bundles(state))
    collections = await stack.enter_async_context(
        watched_collections(root, lambda seen: folder.seen("collections", seen.as_row()))
    )
    before = folder.left_open()
    tasks = AllTasks(under, lambda: {namespace for namespace, _ in lives})
    follower: Follower
    observer: _Observer
    events = EventLog(
        client,
        on_event=lambda event: follower.take(event),
        on_reconnect=lambda: observer.reconnected(),
        filters=settings.filters,
        read_only=True,
        # Each container keeps its own.
        most_kept=0,
    )
    watch = TaskWatch(
        _monitor(
            events,
            tasks,
            folder,
            on_death=lambda name: follower.died(name),
            on_told=lambda death: follower.told(death),
        ),
        folder,
        lives.values,
    )
    stack.callback(watch.close)
    follower = Follower(
        settings=settings,
        under=under,
        folder=folder,
        snapshots=snapshots,
        bundles=bundles,
        watch=watch,
        examiner=Examiner(
            under=under,
            address=settings.address,
            witness=witness,
            ends=LateEnds(lives),
            removal_seen=snapshots.removal_seen,
        ),
        lives=lives,
        next_trial=1 + folder.last_trial(),
        on_trial=listeners.trial,
        daemon=daemon,
    )
    node = NodeWatch(
        client=client,
        follower=follower,
        events=events,
        collections=collections,
        leases=LeaseLog(under),
        on_look=listeners.health,
    )
    observer = _Observer(settings, follower, Reconciler(follower, client, before), events, node)
    return observer


def _monitor(
    events: EventLog,
    tasks: AllTasks,
    folder: ObservedFolder,
    *,
    on_death: Callable[[str], None],
    on_told: Callable[[Any], None],
) -> Monitor:
    exits = ExitWatcher(tasks, on_death=on_death, on_told=on_told, run_id=folder.run_id)
    first = folder.last_round() + 1

    def keep(done: Round, before: Round | None) -> None:
        folder.samples(done.samples(folder.run_id, before=before), first_round=first)

    memory = MemoryPoller(on_gone=exits.take_poll, on_round=keep, keep=False)
    return Monitor(events, exits, memory)


def _rounds(observer: _Observer, listeners: Listeners) -> list[Coroutine[Any, Any, None]]:
    """What is done again and again."""
    settings, follower = observer.settings, observer.follower

    async def look() -> None:
        while True:
            await asyncio.sleep(settings.look_seconds)
            await look_at_snapshots(follower, listeners.latent)

    async def sample() -> None:
        while True:
            follower.watch.memory.poll()
            follower.watch.read_counters()
            await asyncio.sleep(settings.sample_seconds)

    rounds = [observer.list_again(), look(), observer.node.run()]
    return [*rounds, sample()] if settings.sample_seconds > 0 else rounds


async def _begin_manifest(
    settings: ObserveSettings, folder: ObservedFolder, client: Client
) -> None:
    before = folder.manifest
    sessions = [*before.get("sessions", ()), earlier_session(before)] if before else []
    version = await client.introspection.version()
    folder.manifest = {}
    folder.write_manifest(
        status=RunStatus.RUNNING,
        profile={"name": OBSERVED},
        plan={"kind": OBSERVED, "trials": []},
        started_at=datetime.now(UTC).isoformat(),
        containerd={"version": version.version, "revision": version.revision},
        private_daemon=False,
        address=str(settings.address),
        namespaces=list(settings.namespaces),
        labels=dict(settings.labels),
        host=await asyncio.to_thread(host_facts),
        sessions=sessions,
    )


async def _listener(address: Path) -> DaemonFact | None:
    try:
        return await asyncio.to_thread(who_listens, address)
    except OSError:
        return None


def _places(daemon: DaemonFact | None, version: str) -> DaemonConfig | None:
    """What a daemon's configuration says of its folders; None where it cannot be read."""
    if daemon is None:
        return None
    try:
        return config_of_daemon(daemon.pid, version=version)
    except UnusablePath as error:
        log.warning("%s", error)
        return None
