"""The images service: names for image content. A name is a root of the collector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from iluvatar_bench.containerd._api import images_pb2, images_pb2_grpc, types_pb2
from iluvatar_bench.containerd.channel import READ_SECONDS, Channel
from iluvatar_bench.containerd.values import Descriptor
from iluvatar_bench.errors import AlreadyExists


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """A name and the manifest (or index) it stands for."""

    name: str
    target: Descriptor
    labels: Mapping[str, str] = field(default_factory=dict)


class Images:
    """Image records of the channel's namespace."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._stub = images_pb2_grpc.ImagesStub(channel.grpc_channel)

    async def put(self, record: ImageRecord) -> None:
        """Create the image, or let an existing name stand for the new target."""
        message = images_pb2.Image(
            name=record.name, labels=dict(record.labels), target=descriptor_message(record.target)
        )
        try:
            await self._channel.call(
                self._stub.Create,
                images_pb2.CreateImageRequest(image=message),
                operation="Images.Create",
                subject=record.name,
            )
        except AlreadyExists:
            await self._channel.call(
                self._stub.Update,
                images_pb2.UpdateImageRequest(image=message),
                operation="Images.Update",
                subject=record.name,
            )

    async def get(self, name: str) -> ImageRecord:
        """One image.

        Raises:
            NotFound: there is none of this name.
        """
        answer = await self._channel.call(
            self._stub.Get,
            images_pb2.GetImageRequest(name=name),
            operation="Images.Get",
            subject=name,
            seconds=READ_SECONDS,
        )
        return _record(answer.image)

    async def list(self) -> tuple[ImageRecord, ...]:
        """Every image of the namespace."""
        answer = await self._channel.call(
            self._stub.List,
            images_pb2.ListImagesRequest(),
            operation="Images.List",
            seconds=READ_SECONDS,
        )
        return tuple(_record(image) for image in answer.images)

    async def delete(self, name: str, *, sync: bool = False) -> None:
        """Delete the name; content and snapshots go with a later (``sync``: this) collection.

        Raises:
            NotFound: already gone.
        """
        await self._channel.call(
            self._stub.Delete,
            images_pb2.DeleteImageRequest(name=name, sync=sync),
            operation="Images.Delete",
            subject=name,
        )


def descriptor_message(descriptor: Descriptor) -> Any:
    """The value as the wire's descriptor."""
    return types_pb2.Descriptor(
        media_type=descriptor.media_type,
        digest=descriptor.digest,
        size=descriptor.size,
        annotations=dict(descriptor.annotations),
    )


def descriptor_value(message: Any) -> Descriptor:
    """The wire's descriptor as a value."""
    return Descriptor(
        media_type=message.media_type,
        digest=message.digest,
        size=int(message.size),
        annotations=dict(message.annotations),
    )


def _record(message: Any) -> ImageRecord:
    return ImageRecord(
        name=message.name, target=descriptor_value(message.target), labels=dict(message.labels)
    )
