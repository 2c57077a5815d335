"""The transfer service, of containerd 1.7 and later: the daemon itself pulls an image.

``ctr images pull`` of 2.x goes this way unless it is told otherwise. The daemon holds a lease of
its own until the image has its name (containerd 2.1.9, core/transfer/local/pull.go), and unpacks
only for the snapshotters that its configuration names (plugins/transfer/plugin.go).
"""

from __future__ import annotations

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message

from iluvatar_bench.containerd._api import (
    transfer_pb2,
    transfer_pb2_grpc,
    transfer_types_pb2,
    types_pb2,
)
from iluvatar_bench.containerd.channel import Channel
from iluvatar_bench.containerd.values import Platform

PULL_SECONDS = 900.0


class Transfer:
    """Images from a registry into the daemon's own store, by the daemon."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._stub = transfer_pb2_grpc.TransferStub(channel.grpc_channel)

    async def pull(
        self,
        reference: str,
        *,
        platform: Platform,
        snapshotter: str,
        plain_http: bool = False,
        must_match: bool = False,
        seconds: float = PULL_SECONDS,
    ) -> None:
        """Pull ``reference`` for one platform, unpack it, and name the image after it.

        What is asked for is what ``ctr images pull`` of 2.1.9 asks for. An index without an image
        for the platform is then a success with nothing unpacked; with ``must_match`` it is refused,
        and of the index no more than that image is stored. ``plain_http`` is for a registry
        without TLS; 1.7 does not know it and uses TLS (pkg/transfer/registry/registry.go).

        Raises:
            NotImplementedByDaemon: this containerd has no such service.
            InvalidArgument: its configuration does not name the snapshotter.
            NotFound: the registry has no such image, or (``must_match``) none for the platform.
            DaemonFault: the registry does not answer, or a layer cannot be unpacked.
        """
        wanted = types_pb2.Platform(
            os=platform.os, architecture=platform.architecture, variant=platform.variant
        )
        source = transfer_types_pb2.OCIRegistry(
            reference=reference,
            resolver=transfer_types_pb2.RegistryResolver(
                default_scheme="http" if plain_http else ""
            ),
        )
        destination = transfer_types_pb2.ImageStore(
            name=reference,
            platforms=[wanted],
            all_metadata=not must_match,
            manifest_limit=1 if must_match else 0,
            unpacks=[
                transfer_types_pb2.UnpackConfiguration(platform=wanted, snapshotter=snapshotter)
            ],
        )
        await self._channel.call(
            self._stub.Transfer,
            transfer_pb2.TransferRequest(source=_packed(source), destination=_packed(destination)),
            operation="Transfer",
            subject=reference,
            seconds=seconds,
        )


def _packed(message: Message) -> AnyMessage:
    # Containerd's type URLs are bare names, without Google's host in front.
    return AnyMessage(type_url=message.DESCRIPTOR.full_name, value=message.SerializeToString())
