"""Reads a containerd's state over gRPC. It asks only to list, get and stat: nothing is changed.

A worker does not stand still while it is read. So every namespace is read twice, and a thing
counts only if it was there both times. The order within a reading is that of the right creation
backwards: a snapshot that is there has its lease, or by then its record, and both are read later.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from iluvatar_bench.audit.read.held import held_snapshots
from iluvatar_bench.audit.read.host import CONVENTIONAL_PLACES, HostPlaces, read_host
from iluvatar_bench.audit.read.images import top_snapshots
from iluvatar_bench.audit.read.state import DaemonState, HeldLease, NamespaceState, SnapshotId
from iluvatar_bench.containerd.channel import CONNECT_SECONDS
from iluvatar_bench.containerd.client import Client, connect_unchanged
from iluvatar_bench.containerd.daemon.config import DaemonConfig, read_config
from iluvatar_bench.containerd.services.images import ImageRecord
from iluvatar_bench.containerd.values import (
    ContainerRecord,
    LeaseInfo,
    SnapshotInfo,
    SnapshotKind,
    TaskInfo,
)
from iluvatar_bench.errors import (
    AnswerLost,
    DaemonFault,
    DeadlineExceeded,
    NotFound,
    NotImplementedByDaemon,
    UnusablePath,
    UsageError,
)
from iluvatar_bench.host.kernel.listener import Listener, listener_at
from iluvatar_bench.host.kernel.processes import command_line

SYSTEM_SOCKET = Path("/run/containerd/containerd.sock")
"""Where a containerd listens unless it is told otherwise."""

T = TypeVar("T")
R = TypeVar("R")

_AT_A_TIME = 16
"""Requests under way at once: enough to keep the daemon busy, too few to burden it."""


@asynccontextmanager
async def open_reader(address: Path, *, seconds: float = CONNECT_SECONDS) -> AsyncIterator[Client]:
    """A client that has changed nothing; its namespace is to be chosen with ``under``.

    ``seconds`` is how long the daemon may take until its first answer.

    Raises:
        UnusablePath: there is no socket, it may not be used, or no containerd is behind it.
        Unreachable: nothing listens there, or nothing that speaks gRPC.
        DeadlineExceeded: the daemon did not answer in time.
    """
    try:
        async with connect_unchanged(address, namespace="default", seconds=seconds) as client:
            yield client
    except (AnswerLost, DaemonFault, NotImplementedByDaemon) as error:
        if error.operation != "Version" or isinstance(error, DeadlineExceeded):
            raise
        raise UnusablePath(
            f"{address} does not answer as a containerd does ({error.detail}); "
            "name the socket of a running containerd"
        ) from error


async def read_state(
    client: Client, *, namespace: str | None = None, places: HostPlaces = CONVENTIONAL_PLACES
) -> DaemonState:
    """Everything that the rules look at.

    With ``namespace`` only that one is read, and the host's leftovers are not judged: they may
    belong to another.

    Raises:
        UsageError: there is no such namespace.
        ContainerdError: containerd did not answer.
    """
    address = client.channel.address
    version = (await client.introspection.version()).version
    snapshotters = await usable_snapshotters(client)
    names = await _chosen(client, namespace)
    clients = [Client(client.channel.under(name)) for name in names]
    before = [await _read_once(one, snapshotters) for one in clients]
    remarks: list[str] = []
    listener = await asyncio.to_thread(_listener, address)
    config = _config(listener, remarks)
    records = [record for part in before for record in part.records.values()]
    host = await asyncio.to_thread(
        read_host, address, listener, config, records, places=places, remarks=remarks
    )
    namespaces = [
        await _settled(one, first, await _read_once(one, snapshotters), await read_images(one))
        for one, first in zip(clients, before, strict=True)
    ]
    return DaemonState(
        address=address,
        version=version,
        taken_at=datetime.now(UTC),
        namespaces=tuple(namespaces),
        host=host,
        collector=config.collector if config else None,
        complete=namespace is None,
        remarks=tuple(remarks),
    )


async def usable_snapshotters(client: Client) -> tuple[str, ...]:
    """The snapshotters of a daemon that have begun without an error."""
    plugins = await client.introspection.plugins()
    return tuple(
        p.id for p in plugins if p.type == "io.containerd.snapshotter.v1" and not p.init_error
    )


async def _chosen(client: Client, namespace: str | None) -> tuple[str, ...]:
    names = await client.namespaces.list()
    if namespace is None:
        return names
    if namespace not in names:
        raise UsageError(
            f"no namespace {namespace!r} in this containerd; "
            f"there are: {', '.join(names) or 'none'}"
        )
    return (namespace,)


def _listener(address: Path) -> Listener | None:
    try:
        return listener_at(address)
    except OSError:
        return None


def _config(listener: Listener | None, remarks: list[str]) -> DaemonConfig | None:
    arguments = command_line(listener.pid) if listener else ()
    if not arguments:
        remarks.append("the daemon's process is not visible: its settings are not known")
        return None
    try:
        return read_config(arguments)
    except UnusablePath as error:
        remarks.append(str(error))
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """One namespace, read once."""

    snapshots: Mapping[SnapshotId, SnapshotInfo]
    leases: tuple[HeldLease, ...]
    records: Mapping[str, ContainerRecord]
    tasks: Mapping[str, TaskInfo]


async def _read_once(client: Client, snapshotters: Sequence[str]) -> _Reading:
    snapshots = {
        SnapshotId(name, info.name): info
        for name in snapshotters
        for info in await client.snapshots(name).list()
    }
    leases = await _leases(client)
    records = {record.id: record for record in await client.containers.list()}
    tasks = {task.container_id: task for task in await client.tasks.list()}
    return _Reading(snapshots=snapshots, leases=leases, records=records, tasks=tasks)


async def _leases(client: Client) -> tuple[HeldLease, ...]:
    async def look(lease: LeaseInfo) -> HeldLease | None:
        try:
            return HeldLease(info=lease, resources=await client.leases.resources(lease.id))
        except NotFound:
            # Deleted a moment ago; what it held is the record's by now.
            return None

    found = await _each(look, await client.leases.details())
    return tuple(lease for lease in found if lease is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageReading:
    """The images of one namespace, and what their content holds; it takes the most requests."""

    images: tuple[ImageRecord, ...]
    content: Mapping[str, Mapping[str, str]]
    top_snapshots: Mapping[str, tuple[str, ...]]


async def read_images(client: Client) -> ImageReading:
    """The images of the client's namespace."""
    content = await client.content.all_labels()
    images = await client.images.list()
    tops = await top_snapshots(client, images, content)
    return ImageReading(images=images, content=content, top_snapshots=tops)


async def read_namespace(
    client: Client, snapshotters: Sequence[str], images: ImageReading
) -> NamespaceState:
    """The client's namespace, read once: what passes by is not told from what stays."""
    once = await _read_once(client, snapshotters)
    return await _settled(client, once, once, images)


async def _settled(
    client: Client, first: _Reading, second: _Reading, images: ImageReading
) -> NamespaceState:
    """What both readings agree on; references count even if only one saw them."""
    stayed = first.records.keys() & second.records.keys()
    passing = [r for x in (first, second) for r in x.records.values() if r.id not in stayed]
    kept = first.snapshots.keys() & second.snapshots.keys()
    leases = {lease.info.id: lease for lease in (*second.leases, *first.leases)}
    state = NamespaceState(
        name=client.namespace,
        records={id: record for id, record in second.records.items() if id in stayed},
        tasks={id: task for id, task in second.tasks.items() if id in first.tasks},
        snapshots={id: info for id, info in second.snapshots.items() if id in kept},
        leases=tuple(leases.values()),
        passing_records=tuple(passing),
        passing_snapshots=frozenset(first.snapshots.keys() ^ second.snapshots.keys()),
        images=images.images,
        content=images.content,
        top_snapshots=images.top_snapshots,
    )
    return replace(state, upper_directories=await _upper_directories(client, state))


async def _upper_directories(client: Client, state: NamespaceState) -> dict[SnapshotId, str]:
    """Where writes to the active snapshots go that nothing holds: what ties them to a mount."""
    held = held_snapshots(state, now=datetime.now(UTC))
    loose = [
        id
        for id, info in state.snapshots.items()
        if id not in held and info.kind is SnapshotKind.ACTIVE
    ]

    async def look(snapshot: SnapshotId) -> str | None:
        try:
            mounts = await client.snapshots(snapshot.snapshotter).mounts(snapshot.name)
        except NotFound:
            return None
        return next((m.upper_directory for m in mounts if m.upper_directory), None)

    uppers = await _each(look, loose)
    return {id: upper for id, upper in zip(loose, uppers, strict=True) if upper is not None}


async def _each(ask: Callable[[T], Awaitable[R]], subjects: Sequence[T]) -> list[R]:
    """Every answer, in the order of the subjects, a bounded number of requests at a time."""
    limit = asyncio.Semaphore(_AT_A_TIME)

    async def one(item: T) -> R:
        async with limit:
            return await ask(item)

    # Not a task group: its errors come in groups, and the first one alone is for the user.
    answers = await asyncio.gather(*map(one, subjects), return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return [answer for answer in answers if not isinstance(answer, BaseException)]
