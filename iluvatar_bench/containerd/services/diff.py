"""The diff service: unpacks a layer into mounts, and makes one of what differs between two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from iluvatar_bench.containerd._api import diff_pb2, diff_pb2_grpc
from iluvatar_bench.containerd.channel import CHANGE_SECONDS, Channel
from iluvatar_bench.containerd.services.images import descriptor_message, descriptor_value
from iluvatar_bench.containerd.services.snapshots import mount_message
from iluvatar_bench.containerd.values import Descriptor, Mount


class Diff:
    """Applies layers and makes them; the daemon does the work, as root, beside the snapshotter."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._stub = diff_pb2_grpc.DiffStub(channel.grpc_channel)

    async def apply(
        self, layer: Descriptor, mounts: Sequence[Mount], *, lease: str | None = None
    ) -> Descriptor:
        """Unpack the layer into the mounts; gives the descriptor of the uncompressed tar.

        Raises:
            NotFound: the layer's blob is not in this namespace.
            DaemonFault: the blob is no valid layer.
        """
        request = diff_pb2.ApplyRequest(
            diff=descriptor_message(layer), mounts=[mount_message(mount) for mount in mounts]
        )
        answer = await self._channel.call(
            self._stub.Apply,
            request,
            operation="Diff.Apply",
            subject=layer.digest,
            seconds=CHANGE_SECONDS,
            lease=lease,
        )
        return descriptor_value(answer.applied)

    async def make(
        self,
        lower: Sequence[Mount],
        upper: Sequence[Mount],
        *,
        ref: str,
        media_type: str,
        labels: Mapping[str, str] | None = None,
        lease: str | None = None,
    ) -> Descriptor:
        """Make a layer of what ``upper`` has otherwise than ``lower``; give its blob's descriptor.

        The blob carries the label ``containerd.io/uncompressed``, its diff ID. Without a ``lease``,
        and unless one of the ``labels`` or somebody else's makes it a root of the collector, the
        next collection removes it.

        Raises:
            NotFound: a lower directory is not there any more.
            NotImplementedByDaemon: the media type is none that this daemon can make.
        """
        request = diff_pb2.DiffRequest(
            left=[mount_message(mount) for mount in lower],
            right=[mount_message(mount) for mount in upper],
            ref=ref,
            media_type=media_type,
            labels=dict(labels or {}),
        )
        answer = await self._channel.call(
            self._stub.Diff, request, operation="Diff.Diff", subject=ref, lease=lease
        )
        return descriptor_value(answer.diff)
