"""Follows containerd's events, and reports a container that is created in a way that can fail."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from iluvatar_bench.audit.address import SYSTEM_SOCKET
from iluvatar_bench.audit.clients import client_of
from iluvatar_bench.audit.read.spec_view import asked_cgroup
from iluvatar_bench.audit.read.state_reader import open_reader
from iluvatar_bench.audit.rules.broken_rule import Rule
from iluvatar_bench.audit.rules.cgroup_paths import (
    CGROUP_NESTED,
    CGROUP_OF_EXAMPLE,
    CGROUP_SHARED,
    is_of_example,
)
from iluvatar_bench.audit.rules.processes import PID_NAMESPACE, SPEC_UNREADABLE, shares_pids
from iluvatar_bench.audit.watch_index import WatchIndex
from iluvatar_bench.audit.watch_snapshots import SnapshotLooks
from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.services.events import DaemonEvent
from iluvatar_bench.containerd.values import ContainerRecord
from iluvatar_bench.count_words import count_of
from iluvatar_bench.errors import (
    AnswerLost,
    NotFound,
    Unavailable,
    Unreachable,
    UnusablePath,
    UsageError,
)
from iluvatar_bench.host.kernel.listener import listener_at
from iluvatar_bench.host.kernel.processes import shares_our_pids

_CREATED, _DELETED = "/containers/create", "/containers/delete"
_STARTED = "/tasks/start"
_TOPICS = (_CREATED, _DELETED, _STARTED)

_RETRY_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A container that was created in a way that can fail.

    ``others`` counts the other containers of the same client in this namespace at that moment.
    """

    at: datetime | None
    namespace: str
    container_id: str
    rules: tuple[Rule, ...]
    client: str
    others: int

    def __str__(self) -> str:
        when = f"{self.at:%H:%M:%S.%f}"[:-3] if self.at else "?"
        broken = ", ".join(rule.name for rule in self.rules)
        classes = dict.fromkeys(str(c) for rule in self.rules for c in rule.bug_classes)
        possible = f" (can end as {', '.join(classes)})" if classes else ""
        return (
            f"{when} {self.namespace}/{self.container_id}: {broken}{possible}; "
            f"client {self.client} has {self.others} other containers"
        )

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "at": self.at.isoformat() if self.at else None,
            "namespace": self.namespace,
            "container": self.container_id,
            "rules": [rule.name for rule in self.rules],
            "fixes": [rule.fix for rule in self.rules],
            "client": self.client,
            "other_containers": self.others,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchGap:
    """A time in which nothing was seen: the daemon had ended, and another answers now."""

    seconds: float
    containers: int
    """How many containers there are now: those that came meanwhile are not judged one by one."""

    def __str__(self) -> str:
        return (
            f"the daemon ended and answers again after {self.seconds:.1f} s; nothing was seen "
            f"meanwhile ({count_of(self.containers, 'container')} now): an audit looks at those "
            "there are"
        )

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {"gap_seconds": round(self.seconds, 3), "containers": self.containers}


async def watch_daemon(
    address: Path = SYSTEM_SOCKET,
    *,
    namespace: str | None = None,
) -> AsyncGenerator[Alarm]:
    """Alarms as they come, until the daemon ends or the iterator is closed.

    A container that is gone before it can be looked at is passed over. Containerd does not tell
    when it has accepted a subscription: what is created in the first moments may be missed.

    Raises:
        UnusablePath, Unreachable, UsageError: as :func:`audit_daemon`.
        AnswerLost: the event stream broke, because the daemon ended.
    """
    async with aclosing(_watch(address, namespace)) as stream:
        async for seen in stream:
            if isinstance(seen, Alarm):
                yield seen


async def watch_restarts(
    address: Path = SYSTEM_SOCKET, *, namespace: str | None = None, seconds: float = 600.0
) -> AsyncGenerator[Alarm | WatchGap]:
    """The same through restarts of the daemon: each is told once another answers.

    ``seconds`` is how long the daemon may be away.

    Raises:
        UnusablePath, Unreachable, UsageError: as :func:`audit_daemon`, where the daemon was never
            there, or did not come back in time.
    """
    was_there = False
    ended_at = 0.0
    while True:
        try:
            async with aclosing(_watch(address, namespace)) as stream:
                async for seen in stream:
                    if isinstance(seen, Alarm):
                        yield seen
                    elif was_there:
                        away = time.monotonic() - ended_at
                        yield WatchGap(seconds=away, containers=seen.containers)
                        ended_at = 0.0
                    was_there = True
        except (AnswerLost, Unreachable, UnusablePath):
            ended_at = ended_at or time.monotonic()
            if not was_there or time.monotonic() - ended_at > seconds:
                raise
        await asyncio.sleep(_RETRY_SECONDS)


@dataclass(frozen=True, slots=True)
class _Ready:
    """The watch has begun; how many containers it found."""

    containers: int


async def _watch(address: Path, namespace: str | None) -> AsyncGenerator[Alarm | _Ready]:
    snapshots = SnapshotLooks()
    async with open_reader(address) as client:
        by_kernel = await asyncio.to_thread(_counts_as_we_do, address)
        if namespace is not None and namespace not in await client.namespaces.list():
            raise UsageError(f"no namespace {namespace!r} in this containerd")
        # All namespaces: cgroups are the host's.
        stream = client.events.subscribe([f'topic=="{topic}"' for topic in _TOPICS])
        index: WatchIndex | None = None
        listing = partial(_listed, client, by_kernel=by_kernel)
        async with aclosing(_with_what_is_there(stream, listing)) as events:
            async for event in events:
                if isinstance(event, WatchIndex):
                    if index is None:
                        yield _Ready(len(event))
                    index = event
                    continue
                assert index is not None, "the first that comes is what is there"
                one = Client(client.channel.under(event.namespace))
                alarm = await _followed(one, event, index, snapshots)
                if alarm is not None and namespace in (None, event.namespace):
                    yield alarm
        raise Unavailable(
            operation="Events.Subscribe",
            subject="",
            namespace=namespace or "",
            detail="the daemon ended the stream",
        )


def _counts_as_we_do(address: Path) -> bool:
    """Whether the daemon's PIDs are ours: it may run in a PID namespace of its own."""
    try:
        listener = listener_at(address)
    except OSError:
        return False
    return listener is not None and bool(shares_our_pids(listener.pid))


async def _with_what_is_there(
    stream: AsyncIterator[DaemonEvent], listing: Callable[[], Awaitable[WatchIndex]]
) -> AsyncGenerator[DaemonEvent | WatchIndex]:
    """What is there, listed once the stream is open, and then the stream's events.

    Only its first event tells that containerd has accepted the subscription. What was made or
    removed after the listing and before that has no event: so all is listed once more then.
    """
    first = asyncio.ensure_future(anext(stream, None))
    try:
        yield await listing()
        event = await first
    finally:
        first.cancel()
    if event is not None:
        # What happens meanwhile waits in the connection.
        yield await listing()
    while event is not None:
        yield event
        event = await anext(stream, None)


async def _listed(client: Client, *, by_kernel: bool) -> WatchIndex:
    """All containers that there are."""
    index = WatchIndex(by_kernel=by_kernel)
    for name in await client.namespaces.list():
        one = Client(client.channel.under(name))
        for record in await one.containers.list():
            index.put(name, record)
        for task in await one.tasks.list():
            index.started(name, task.container_id, task.pid)
    return index


async def _followed(
    client: Client, event: DaemonEvent, index: WatchIndex, snapshots: SnapshotLooks
) -> Alarm | None:
    """Keep the index, and judge what was created."""
    namespace, id = event.namespace, event.container_id
    if id is None:
        return None
    if event.topic == _DELETED:
        index.drop(namespace, id)
        return None
    if event.topic == _STARTED:
        index.started(namespace, id, event.pid or 0)
        return None
    try:
        record = await client.containers.get(id)
    except NotFound:
        index.drop(namespace, id)
        return None
    # Not to be its own neighbour.
    index.drop(namespace, id)
    alarm = None
    if event.topic == _CREATED:
        broken = tuple([rule async for rule in _broken(client, record, index, snapshots)])
        alarm = _alarm(client.namespace, record, broken, index, event.timestamp)
    index.put(namespace, record)
    return alarm


def _alarm(
    namespace: str,
    record: ContainerRecord,
    broken: tuple[Rule, ...],
    index: WatchIndex,
    at: datetime | None,
) -> Alarm | None:
    if not broken:
        return None
    name = client_of(record)
    return Alarm(
        at=at,
        namespace=namespace,
        container_id=record.id,
        rules=broken,
        client=name,
        others=index.others_of(namespace, name),
    )


async def _broken(
    client: Client, record: ContainerRecord, index: WatchIndex, snapshots: SnapshotLooks
) -> AsyncIterator[Rule]:
    if record.spec_problem:
        yield SPEC_UNREADABLE
        return
    async for rule in snapshots.broken(client, record):
        yield rule
    cgroup = asked_cgroup(record)
    shared = cgroup is not None and index.is_shared(cgroup)
    nested = cgroup is not None and index.is_nested(cgroup)
    if shared:
        yield CGROUP_SHARED
    elif is_of_example(record):
        yield CGROUP_OF_EXAMPLE
    if nested:
        yield CGROUP_NESTED
    if (shared or nested) and shares_pids(record):
        yield PID_NAMESPACE


async def _leased(client: Client, container_id: str) -> bool:
    """Whether some lease holds a snapshot that goes by the container's name."""
    for lease in await client.leases.list():
        try:
            held = await client.leases.resources(lease)
        except NotFound:
            continue
        if any(x.type.startswith("snapshots/") and container_id in x.id for x in held):
            return True
    return False
