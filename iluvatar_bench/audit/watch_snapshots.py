"""What holds the snapshot of a container that was just made: the audit's own sets, on what a watch
has read for that one container.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

from iluvatar_bench.audit.read.held import record_roots
from iluvatar_bench.audit.read.images import image_parts
from iluvatar_bench.audit.read.spec_view import needs_snapshot
from iluvatar_bench.audit.read.state import HostState, NamespaceState, SnapshotId
from iluvatar_bench.audit.read.state_reader import read_leases
from iluvatar_bench.audit.rules.broken_rule import Rule
from iluvatar_bench.audit.rules.namespace_view import NamespaceView, namespace_view
from iluvatar_bench.audit.rules.references import (
    HELD_BY_LEASE_ALONE,
    PARENT_NOT_HELD,
    held_by_lease_alone,
    on_unheld_parents,
)
from iluvatar_bench.audit.rules.snapshots import NOT_NAMED
from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.values import ContainerRecord, SnapshotInfo
from iluvatar_bench.errors import NotFound


class SnapshotLooks:
    """Looks at what holds snapshots; the layers of images are remembered, for they take the most
    requests.
    """

    def __init__(self) -> None:
        self._tops: dict[str, frozenset[str]] = {}
        """By namespace: the top layers of images, which hold themselves."""

    async def broken(self, client: Client, record: ContainerRecord) -> AsyncIterator[Rule]:
        """The rules that the record breaks by what holds its snapshot and its parent."""
        if list(record_roots(record)):
            if await self._is_on_unheld_parent(client, record):
                yield PARENT_NOT_HELD
        elif needs_snapshot(record):
            view = _view(await _state_of_unnamed(client, record))
            if record.id in view.unnamed:
                yield NOT_NAMED
            elif record.id in held_by_lease_alone(view):
                yield HELD_BY_LEASE_ALONE

    async def _is_on_unheld_parent(self, client: Client, record: ContainerRecord) -> bool:
        info = await _stat(client, SnapshotId(record.snapshotter, record.snapshot_key))
        if info is None or not info.parent:
            return False
        if info.parent in self._tops.get(client.namespace, ()):
            return False
        state = await _state_of_named(client, record)
        tops = {name for names in state.top_snapshots.values() for name in names}
        self._tops[client.namespace] = frozenset(tops)
        return record.id in on_unheld_parents(_view(state))


def _view(state: NamespaceState) -> NamespaceView:
    return namespace_view(state, HostState(), datetime.now(UTC))


async def _state_of_unnamed(client: Client, record: ContainerRecord) -> NamespaceState:
    """The record, the leases, and the snapshots of its name that they have."""
    leases = await read_leases(client)
    found: dict[SnapshotId, SnapshotInfo] = {}
    for snapshot in {s for lease in leases for s in lease.snapshots() if s.name == record.id}:
        info = await _stat(client, snapshot)
        if info is not None:
            found[snapshot] = info
    return NamespaceState(
        name=client.namespace, records={record.id: record}, leases=leases, snapshots=found
    )


async def _state_of_named(client: Client, record: ContainerRecord) -> NamespaceState:
    """The record, and all that may hold the layer that its snapshot stands on."""
    snapshots = await client.snapshots(record.snapshotter).list()
    leases = await read_leases(client)
    content = await client.content.all_labels()
    images = await client.images.list()
    state = NamespaceState(
        name=client.namespace,
        records={record.id: record},
        leases=leases,
        snapshots={SnapshotId(record.snapshotter, info.name): info for info in snapshots},
        images=images,
        content=content,
    )
    parts = await image_parts(client, images, content)
    return replace(state, top_snapshots={name: image.tops for name, image in parts.items()})


async def _stat(client: Client, snapshot: SnapshotId) -> SnapshotInfo | None:
    try:
        return await client.snapshots(snapshot.snapshotter).stat(snapshot.name)
    except NotFound:
        return None
