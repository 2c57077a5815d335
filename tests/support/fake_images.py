"""The parts of the fake containerd that images come in by: content, diff, names, transfers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.empty_pb2 import Empty

from iluvatar_bench.containerd._api import (
    content_pb2,
    content_pb2_grpc,
    diff_pb2,
    diff_pb2_grpc,
    images_pb2,
    images_pb2_grpc,
    transfer_pb2_grpc,
    types_pb2,
)

if TYPE_CHECKING:
    from tests.support.fake_containerd import FakeContainerd


class FakeImages(images_pb2_grpc.ImagesServicer):
    fake: FakeContainerd

    async def List(self, request: Any, context: Any) -> Any:
        await self.fake.note("Images.List", "", context)
        return images_pb2.ListImagesResponse(images=self.fake.images)

    async def Get(self, request: Any, context: Any) -> Any:
        await self.fake.note("Images.Get", request.name, context)
        found = [image for image in self.fake.images if image.name == request.name]
        if not found:
            await context.abort(grpc.StatusCode.NOT_FOUND, f'image "{request.name}": not found')
        return images_pb2.GetImageResponse(image=found[0])

    async def Create(self, request: Any, context: Any) -> Any:
        await self.fake.note("Images.Create", request.image.name, context)
        return images_pb2.CreateImageResponse(image=request.image)


class FakeContent(content_pb2_grpc.ContentServicer):
    fake: FakeContainerd

    async def List(self, request: Any, context: Any) -> AsyncIterator[Any]:
        await self.fake.note("Content.List", "", context)
        infos = [content_pb2.Info(digest=digest) for digest in self.fake.content]
        yield content_pb2.ListContentResponse(info=infos)

    async def Read(self, request: Any, context: Any) -> AsyncIterator[Any]:
        await self.fake.note("Content.Read", request.digest, context)
        content = self.fake.content[request.digest]
        for start in range(0, len(content), 1 << 20):
            yield content_pb2.ReadContentResponse(data=content[start : start + (1 << 20)])

    async def Write(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            await self.fake.note("Content.Write", request.ref, context)
            yield content_pb2.WriteContentResponse(action=request.action)

    async def Abort(self, request: Any, context: Any) -> Any:
        await self.fake.note("Content.Abort", request.ref, context)
        return Empty()


class FakeDiff(diff_pb2_grpc.DiffServicer):
    """Plain tar layers: what is unpacked has the digest of the blob."""

    fake: FakeContainerd

    async def Apply(self, request: Any, context: Any) -> Any:
        await self.fake.note("Diff.Apply", request.diff.digest, context)
        return diff_pb2.ApplyResponse(applied=types_pb2.Descriptor(digest=request.diff.digest))


class FakeTransfer(transfer_pb2_grpc.TransferServicer):
    """Says that it has done it."""

    fake: FakeContainerd

    async def Transfer(self, request: Any, context: Any) -> Any:
        self.fake.transfers.append(request)
        await self.fake.note("Transfer.Transfer", "", context)
        return Empty()
