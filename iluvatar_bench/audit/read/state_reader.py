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

from iluvatar_bench.audit.address import shims_socket, what_listens
from iluvatar_bench.audit.read.held import named_snapshots
from iluvatar_bench.audit.read.host import HostSubject, read_host
from iluvatar_bench.audit.read.host_networks import CONVENTIONAL_PLACES, HostPlaces
from iluvatar_bench.audit.read.images import image_parts
from iluvatar_bench.audit.read.mount_search import MountSearch
from iluvatar_bench.audit.read.second_look import still_stray
from iluvatar_bench.audit.read.state import (
    DaemonState,
    HeldLease,
    HostState,
    NamespaceState,
    SnapshotId,
)
from iluvatar_bench.containerd.channel import CONNECT_SECONDS
from iluvatar_bench.containerd.client import Client, connect_unchanged
from iluvatar_bench.containerd.daemon.config import DaemonConfig, config_of_daemon
from iluvatar_bench.containerd.daemon.versions import release
from iluvatar_bench.containerd.values import (
    ContainerRecord,
    LeaseInfo,
    Mount,
    SnapshotInfo,
    SnapshotKind,
    TaskInfo,
    TaskState,
)
from iluvatar_bench.errors import (
    AnswerLost,
    DaemonFault,
    DeadlineExceeded,
    NotFound,
    NotImplementedByDaemon,
    Unreachable,
    UnusablePath,
    UsageError,
    meant,
)
from iluvatar_bench.host.kernel.listener import Listener, listener_at
from iluvatar_bench.host.kernel.shims import visible_shims

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
    for_shims = shims_socket(address)
    if for_shims is not None and address.exists():
        raise UnusablePath(for_shims)
    try:
        async with connect_unchanged(address, namespace="default", seconds=seconds) as client:
            yield client
    except Unreachable as error:
        # Asked only once it has not answered as a containerd: what else may listen there.
        told = await asyncio.to_thread(what_listens, address)
        if told is None:
            raise
        raise UnusablePath(told) from error
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
    snapshotters = await _snapshotters(client)
    names = await _chosen(client, namespace)
    clients = [Client(client.channel.under(name)) for name in names]
    remarks: list[str] = []
    listener = await asyncio.to_thread(_listener, address)
    config = _config(listener, version, remarks)
    early = {shim.pid for shim in await asyncio.to_thread(visible_shims)}
    before = [await _read_once(one, snapshotters) for one in clients]
    subject = HostSubject(
        address=address,
        listener=listener,
        config=config,
        records=_by_container(names, [part.records for part in before]),
        tasks=_by_container(names, [part.tasks for part in before]),
    )
    host = await asyncio.to_thread(read_host, subject, places=places, remarks=remarks)
    namespaces = [
        replace(
            await _settled(one, first, await _read_once(one, snapshotters, first), host),
            containerd=release(version),
        )
        for one, first in zip(clients, before, strict=True)
    ]
    host = await still_stray(clients, namespaces, host, early=early)
    host = await asyncio.to_thread(_with_mounted, host, namespaces, remarks)
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


def _by_container(
    names: Sequence[str], parts: Sequence[Mapping[str, T]]
) -> dict[tuple[str, str], T]:
    return {
        (name, id): one for name, part in zip(names, parts, strict=True) for id, one in part.items()
    }


def _with_mounted(
    host: HostState, namespaces: Sequence[NamespaceState], remarks: list[str]
) -> HostState:
    """With what is mounted of the snapshots that no record names."""
    if host.root_mounts is None:
        return host
    named = {(n.name, id) for n in namespaces for id in named_snapshots(n)}
    uppers = {(n.name, id): d for n in namespaces for id, d in n.upper_directories.items()}
    views = {(n.name, id): d for n in namespaces for id, d in n.view_directories.items()}
    unnamed = {key: directory for key, directory in uppers.items() if key not in named}
    mounted = MountSearch(unnamed, views).look()
    if not mounted.complete:
        remarks.append(
            "not every process's mounts may be read: whether a snapshot is in use is not known; "
            "run the audit as root"
        )
        return host
    return replace(host, mounted=mounted.found)


async def _snapshotters(client: Client) -> tuple[str, ...]:
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
            f"no namespace {namespace!r} in this containerd{meant(namespace, names)}; "
            f"there are: {', '.join(names) or 'none'}"
        )
    return (namespace,)


def _listener(address: Path) -> Listener | None:
    try:
        return listener_at(address)
    except OSError:
        return None


def _config(listener: Listener | None, version: str, remarks: list[str]) -> DaemonConfig | None:
    try:
        config = config_of_daemon(listener.pid, version=version) if listener else None
    except UnusablePath as error:
        remarks.append(f"the daemon's settings are not known: {error}")
        return None
    if config is None:
        remarks.append("the daemon's process is not visible: its settings are not known")
    return config


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """One namespace, read once."""

    snapshots: Mapping[SnapshotId, SnapshotInfo]
    leases: tuple[HeldLease, ...]
    records: Mapping[str, ContainerRecord]
    tasks: Mapping[str, TaskInfo]


async def _read_once(
    client: Client, snapshotters: Sequence[str], before: _Reading | None = None
) -> _Reading:
    snapshots = {
        SnapshotId(name, info.name): info
        for name in snapshotters
        for info in await client.snapshots(name).list()
    }
    leases = await read_leases(client)
    known = before.records if before is not None else None
    records = {record.id: record for record in await client.containers.list(known=known)}
    tasks = {task.container_id: task for task in await client.tasks.list()}
    return _Reading(snapshots=snapshots, leases=leases, records=records, tasks=tasks)


async def read_leases(client: Client) -> tuple[HeldLease, ...]:
    """The leases of the client's namespace, with what each holds."""

    async def look(lease: LeaseInfo) -> HeldLease | None:
        try:
            return HeldLease(info=lease, resources=await client.leases.resources(lease.id))
        except NotFound:
            # Deleted a moment ago; what it held is the record's by now.
            return None

    found = await _each(look, await client.leases.details())
    return tuple(lease for lease in found if lease is not None)


async def _settled(
    client: Client, first: _Reading, second: _Reading, host: HostState
) -> NamespaceState:
    """What both readings agree on; references count even if only one saw them."""
    stayed = first.records.keys() & second.records.keys()
    passing = [r for x in (first, second) for r in x.records.values() if r.id not in stayed]
    kept = first.snapshots.keys() & second.snapshots.keys()
    leases = {lease.info.id: lease for lease in (*second.leases, *first.leases)}
    content = await client.content.all_labels()
    images = await client.images.list()
    parts = await image_parts(client, images, content)
    state = NamespaceState(
        name=client.namespace,
        records={id: record for id, record in second.records.items() if id in stayed},
        tasks={id: task for id, task in second.tasks.items() if id in first.tasks},
        snapshots={id: info for id, info in second.snapshots.items() if id in kept},
        leases=tuple(leases.values()),
        passing_records=tuple(passing),
        passing_snapshots=frozenset(first.snapshots.keys() ^ second.snapshots.keys()),
        images=images,
        content=content,
        top_snapshots={name: image.tops for name, image in parts.items()},
        image_documents={name: image.documents for name, image in parts.items()},
    )
    mounts = await _mounts(client, state)
    return replace(
        state,
        upper_directories={
            id: directory
            for id, listed in mounts.items()
            if (directory := next((m.upper_directory for m in listed if m.upper_directory), None))
        },
        view_directories={
            id: _shown(listed)
            for id, listed in mounts.items()
            if state.snapshots[id].kind is SnapshotKind.VIEW and listed
        },
        silent_tasks=await _silent_tasks(client, state, host),
    )


def _shown(mounts: Sequence[Mount]) -> tuple[str, ...]:
    """What a view shows: a single parent is mounted as it is."""
    return mounts[0].lower_directories or (mounts[0].source,)


async def _mounts(client: Client, state: NamespaceState) -> dict[SnapshotId, tuple[Mount, ...]]:
    """Of active snapshots and views that no record names, and of those whose task runs."""
    named = named_snapshots(state)
    running = {
        SnapshotId(record.snapshotter, record.snapshot_key)
        for id in state.tasks
        if (record := state.records.get(id)) is not None
    }
    asked = [id for id in state.active() if id not in named or id in running]

    async def look(snapshot: SnapshotId) -> tuple[Mount, ...]:
        try:
            return await client.snapshots(snapshot.snapshotter).mounts(snapshot.name)
        except NotFound:
            return ()

    return dict(zip(asked, await _each(look, asked), strict=True))


async def _silent_tasks(client: Client, state: NamespaceState, host: HostState) -> frozenset[str]:
    """Tasks without a shim of their own to be seen, that do not answer for themselves either.

    Their containers may share a shim, or have one whose command line says nothing: a task that
    answers has one.
    """
    served = {shim.container_id for shim in host.shims or () if shim.namespace == state.name}
    asked = [
        id
        for id, task in state.tasks.items()
        if task.state is TaskState.RUNNING and host.shims is not None and id not in served
    ]

    async def is_silent(id: str) -> bool:
        try:
            return (await client.tasks.get(id)).state is TaskState.UNKNOWN
        except (NotFound, DaemonFault, DeadlineExceeded):
            return True

    answers = await _each(is_silent, asked)
    return frozenset(id for id, silent in zip(asked, answers, strict=True) if silent)


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
