"""The content service: blobs by digest."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from iluvatar_bench.containerd._api import content_pb2, content_pb2_grpc
from iluvatar_bench.containerd.channel import CHANGE_SECONDS, READ_SECONDS, Channel
from iluvatar_bench.containerd.values import Descriptor
from iluvatar_bench.errors import AlreadyExists, ResourceExhausted
from iluvatar_bench.host.first_error import cleaned_up

CHUNK_BYTES = 1 << 20
"""gRPC's default message limit is 4 MiB; containerd's own client writes 1 MiB at a time."""

DOCUMENT_BYTES = 8 << 20
"""No manifest or configuration is larger; containerd's own limit for one is 8 MiB."""


class Content:
    """The content store, seen through the channel's namespace."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._stub = content_pb2_grpc.ContentStub(channel.grpc_channel)

    async def write(
        self,
        descriptor: Descriptor,
        source: Path | bytes,
        *,
        labels: Mapping[str, str] | None = None,
        lease: str | None = None,
    ) -> None:
        """Store a blob under its digest; one that is there already only gets the labels.

        Containerd checks size and digest at the commit.

        Raises:
            FailedPrecondition: size or digest do not match; the partial blob is aborted.
        """
        labels = dict(labels or {})
        ref = f"iluvatar-bench-{descriptor.digest}-{secrets.token_hex(4)}"
        try:
            async with cleaned_up(
                partial(self._abort, ref), only_after_failure=True, unless=(AlreadyExists,)
            ):
                await self._send(
                    _write_requests(ref, descriptor, source, labels), descriptor, lease
                )
        except AlreadyExists:
            if labels:
                await self.update_labels(descriptor.digest, labels, lease=lease)

    async def _send(
        self, requests: Iterator[Any], descriptor: Descriptor, lease: str | None
    ) -> None:
        with self._channel.gate("Content.Write", descriptor.digest, seconds=CHANGE_SECONDS):
            stream = self._stub.Write(
                metadata=self._channel.metadata(lease=lease), timeout=CHANGE_SECONDS
            )
            # Each request's answer is awaited: a blob that is there already is answered to the
            # first one, and writing on into the ended stream would hide that answer behind an
            # internal error of gRPC.
            for request in requests:
                await stream.write(request)
                await stream.read()

    async def _abort(self, ref: str) -> None:
        await self._channel.call(
            self._stub.Abort,
            content_pb2.AbortRequest(ref=ref),
            operation="Content.Abort",
            subject=ref,
        )

    async def update_labels(
        self, digest: str, labels: Mapping[str, str], *, lease: str | None = None
    ) -> None:
        """Add or replace the given labels of a blob, leaving the others.

        Raises:
            NotFound: no such blob in this namespace.
        """
        request = content_pb2.UpdateRequest(
            info=content_pb2.Info(digest=digest, labels=dict(labels)),
            update_mask=FieldMask(paths=[f"labels.{name}" for name in labels]),
        )
        await self._channel.call(
            self._stub.Update, request, operation="Content.Update", subject=digest, lease=lease
        )

    async def labels(self, digest: str) -> dict[str, str]:
        """The labels of a blob.

        Raises:
            NotFound: no such blob in this namespace.
        """
        answer = await self._channel.call(
            self._stub.Info,
            content_pb2.InfoRequest(digest=digest),
            operation="Content.Info",
            subject=digest,
            seconds=READ_SECONDS,
        )
        return dict(answer.info.labels)

    async def digests(self) -> tuple[str, ...]:
        """Every blob of the namespace."""
        return tuple(await self.all_labels())

    async def all_labels(self) -> dict[str, dict[str, str]]:
        """The labels of every blob of the namespace, by digest."""
        found: dict[str, dict[str, str]] = {}
        stream = self._channel.stream(
            self._stub.List, content_pb2.ListContentRequest(), operation="Content.List"
        )
        async for answer in stream:
            found.update((info.digest, dict(info.labels)) for info in answer.info)
        return found

    async def read(self, digest: str) -> bytes:
        """A whole manifest or configuration.

        Raises:
            NotFound: no such blob in this namespace.
            ResourceExhausted: it has more bytes than any document.
        """
        stream = self._channel.stream(
            self._stub.Read,
            content_pb2.ReadContentRequest(digest=digest),
            operation="Content.Read",
            subject=digest,
        )
        content = bytearray()
        async with aclosing(stream):
            async for answer in stream:
                content += answer.data
                if len(content) > DOCUMENT_BYTES:
                    raise ResourceExhausted(
                        operation="Content.Read",
                        subject=digest,
                        namespace=self._channel.namespace,
                        detail=f"it has more than {DOCUMENT_BYTES} bytes, too many for a document",
                    )
        return bytes(content)


def _write_requests(
    ref: str, descriptor: Descriptor, source: Path | bytes, labels: Mapping[str, str]
) -> Iterator[Any]:
    """The requests of one blob: the reference first, then the bytes, then the commit."""
    known: dict[str, Any] = {
        "ref": ref,
        "total": descriptor.size,
        "expected": descriptor.digest,
    }
    # STAT opens the reference, before any bytes are sent.
    yield content_pb2.WriteContentRequest(action=content_pb2.STAT, **known)
    offset = 0
    for chunk in _chunks(source):
        yield content_pb2.WriteContentRequest(
            action=content_pb2.WRITE, offset=offset, data=chunk, **known
        )
        offset += len(chunk)
    yield content_pb2.WriteContentRequest(
        action=content_pb2.COMMIT, offset=offset, labels=labels, **known
    )


def _chunks(source: Path | bytes) -> Iterator[bytes]:
    if isinstance(source, bytes):
        for start in range(0, len(source), CHUNK_BYTES):
            yield source[start : start + CHUNK_BYTES]
        return
    with source.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
