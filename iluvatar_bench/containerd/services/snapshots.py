"""The snapshots service: the writable layer of each container and the layers below it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from iluvatar_bench.containerd._api import snapshots_pb2, snapshots_pb2_grpc, types_pb2
from iluvatar_bench.containerd.channel import READ_SECONDS, Channel
from iluvatar_bench.containerd.values import Mount, SnapshotInfo, SnapshotKind, utc
from iluvatar_bench.errors import NotFound

_KINDS = {number: SnapshotKind(name.lower()) for name, number in snapshots_pb2.Kind.items()}


class Snapshots:
    """Snapshots of one snapshotter in the channel's namespace."""

    def __init__(self, channel: Channel, snapshotter: str) -> None:
        self.snapshotter = snapshotter
        self._channel = channel
        self._stub = snapshots_pb2_grpc.SnapshotsStub(channel.grpc_channel)

    def of(self, snapshotter: str) -> Snapshots:
        """The same for another snapshotter.

        It shares the stub: grpc crashes the process where a stub is made on a channel that has
        been closed meanwhile (seen with grpcio 1.85.1 on Python 3.11.2), while a request on such a
        channel is refused in order.
        """
        other = copy.copy(self)
        other.snapshotter = snapshotter
        return other

    async def prepare(
        self,
        key: str,
        *,
        parent: str,
        labels: Mapping[str, str] | None = None,
        lease: str | None = None,
    ) -> tuple[Mount, ...]:
        """Make an active snapshot on top of the committed ``parent``.

        Without a lease, and unless a container record already names ``key``, the next collection
        removes it.

        Raises:
            AlreadyExists: ``key`` is taken.
            NotFound: the parent is not there.
        """
        request = snapshots_pb2.PrepareSnapshotRequest(
            snapshotter=self.snapshotter, key=key, parent=parent, labels=dict(labels or {})
        )
        answer = await self._channel.call(
            self._stub.Prepare, request, operation="Snapshots.Prepare", subject=key, lease=lease
        )
        return tuple(mount_value(mount) for mount in answer.mounts)

    async def view(self, key: str, *, parent: str, lease: str) -> tuple[Mount, ...]:
        """Make a read-only snapshot of the committed ``parent``, held by a lease.

        Raises:
            AlreadyExists: ``key`` is taken.
            NotFound: the parent is not there.
        """
        request = snapshots_pb2.ViewSnapshotRequest(
            snapshotter=self.snapshotter, key=key, parent=parent
        )
        answer = await self._channel.call(
            self._stub.View, request, operation="Snapshots.View", subject=key, lease=lease
        )
        return tuple(mount_value(mount) for mount in answer.mounts)

    async def mounts(self, key: str) -> tuple[Mount, ...]:
        """The mounts of an active snapshot.

        Raises:
            NotFound: containerd no longer knows it.
        """
        answer = await self._channel.call(
            self._stub.Mounts,
            snapshots_pb2.MountsRequest(snapshotter=self.snapshotter, key=key),
            operation="Snapshots.Mounts",
            subject=key,
            seconds=READ_SECONDS,
        )
        return tuple(mount_value(mount) for mount in answer.mounts)

    async def commit(
        self,
        name: str,
        *,
        key: str,
        labels: Mapping[str, str] | None = None,
        lease: str | None = None,
    ) -> None:
        """Make the active snapshot ``key`` the committed snapshot ``name``.

        Raises:
            AlreadyExists: ``name`` is there already.
        """
        request = snapshots_pb2.CommitSnapshotRequest(
            snapshotter=self.snapshotter, name=name, key=key, labels=dict(labels or {})
        )
        await self._channel.call(
            self._stub.Commit, request, operation="Snapshots.Commit", subject=key, lease=lease
        )

    async def remove(self, key: str) -> None:
        """Drop the metadata; the directory goes at the next collection.

        Raises:
            NotFound: already gone.
            FailedPrecondition: another snapshot stands on it.
        """
        await self._channel.call(
            self._stub.Remove,
            snapshots_pb2.RemoveSnapshotRequest(snapshotter=self.snapshotter, key=key),
            operation="Snapshots.Remove",
            subject=key,
        )

    async def stat(self, key: str) -> SnapshotInfo:
        """The metadata of one snapshot.

        Raises:
            NotFound: containerd does not know it (any more).
        """
        answer = await self._channel.call(
            self._stub.Stat,
            snapshots_pb2.StatSnapshotRequest(snapshotter=self.snapshotter, key=key),
            operation="Snapshots.Stat",
            subject=key,
            seconds=READ_SECONDS,
        )
        return _info(answer.info)

    async def exists(self, key: str) -> bool:
        """Whether containerd knows the snapshot."""
        try:
            await self.stat(key)
        except NotFound:
            return False
        return True

    async def list(self) -> tuple[SnapshotInfo, ...]:
        """Every snapshot of this snapshotter in this namespace."""
        request = snapshots_pb2.ListSnapshotsRequest(snapshotter=self.snapshotter)
        stream = self._channel.stream(
            self._stub.List, request, operation="Snapshots.List", subject=self.snapshotter
        )
        return tuple([_info(info) async for answer in stream for info in answer.info])


def mount_value(message: Any) -> Mount:
    """The wire's mount as a value."""
    return Mount(
        type=message.type,
        source=message.source,
        target=message.target,
        options=tuple(message.options),
    )


def mount_message(mount: Mount) -> Any:
    """The value as the wire's mount."""
    return types_pb2.Mount(
        type=mount.type, source=mount.source, target=mount.target, options=list(mount.options)
    )


def _info(message: Any) -> SnapshotInfo:
    return SnapshotInfo(
        name=message.name,
        parent=message.parent,
        kind=_KINDS.get(message.kind, SnapshotKind.UNKNOWN),
        labels=dict(message.labels),
        created_at=utc(message.created_at),
    )
