"""The diff service: unpacks a layer into mounts."""

from __future__ import annotations

from collections.abc import Sequence

from iluvatar_bench.containerd._api import diff_pb2, diff_pb2_grpc
from iluvatar_bench.containerd.channel import CHANGE_SECONDS, Channel
from iluvatar_bench.containerd.services.images import descriptor_message, descriptor_value
from iluvatar_bench.containerd.services.snapshots import mount_message
from iluvatar_bench.containerd.values import Descriptor, Mount


class Diff:
    """Applies layers; the daemon does the work, as root, beside the snapshotter."""

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
