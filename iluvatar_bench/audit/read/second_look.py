"""Looks once more at what belongs to no container: a worker makes and removes while it is read.

A shim starts before its container's record is listed, and one that is removed outlives its record
for a moment. So a shim counts as nobody's only if it was there before the first reading, and is
there without a record a second after the last one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace

from iluvatar_bench.audit.read.spec_view import sandbox_of
from iluvatar_bench.audit.read.state import HostState, NamespaceState
from iluvatar_bench.containerd.client import Client
from iluvatar_bench.host.kernel.mounts import read_mountinfo
from iluvatar_bench.host.kernel.processes import parent_of
from iluvatar_bench.host.kernel.shims import Shim, visible_shims

SECONDS = 1.0
"""How long something may have no record before it is nobody's."""


async def still_stray(
    clients: Sequence[Client],
    namespaces: Sequence[NamespaceState],
    host: HostState,
    *,
    early: Collection[int],
) -> HostState:
    """The host without those shims and mounts whose container only came or went.

    ``early`` are the shims that were there before the first reading. Where no shim and no mount is
    without a container nothing is looked at again, and nothing waited for.
    """
    if host.shims is None or host.daemon is None:
        return host
    names = {n.name for n in namespaces}
    known = {
        (n.name, record.id)
        for n in namespaces
        for record in (*n.records.values(), *n.passing_records)
    }
    sandboxes = {(n.name, sandbox_of(record)) for n in namespaces for record in n.records.values()}
    tasks = {(n.name, id): task.pid for n in namespaces for id, task in n.tasks.items()}
    # A shim of several containers may have outlived the one whose name it has.
    parents = {parent_of(pid) for name, pid in tasks.items() if name in known and pid}
    shims = [
        shim
        for shim in host.shims
        if not _has_container(shim, names, known | sandboxes) and shim.pid not in parents
    ]
    mounts = [
        name
        for name in host.bundle_mounts
        if name[0] in names and name not in known and name not in tasks
    ]
    if not shims and not mounts:
        return replace(host, strays=())
    await asyncio.sleep(SECONDS)
    now = {(c.namespace, record.id) for c in clients for record in await c.containers.list()}
    left = {shim.pid for shim in await asyncio.to_thread(visible_shims)}
    points = {entry.mount_point for entry in await asyncio.to_thread(read_mountinfo, host.daemon)}
    return replace(
        host,
        strays=tuple(
            shim
            for shim in shims
            if shim.pid in early and shim.pid in left and not _has_container(shim, names, now)
        ),
        bundle_mounts={
            name: point
            for name, point in host.bundle_mounts.items()
            if name not in mounts or (point in points and name not in now)
        },
    )


def _has_container(shim: Shim, names: Collection[str], known: Collection[tuple[str, str]]) -> bool:
    """Whether it is another's to judge, or its container is known."""
    return shim.namespace not in names or (shim.namespace, shim.container_id) in known
