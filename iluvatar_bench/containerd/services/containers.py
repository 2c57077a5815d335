"""The containers service: metadata records. Creating one starts nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import DecodeError
from pydantic_core import from_json

from iluvatar_bench.containerd._api import (
    containers_pb2,
    containers_pb2_grpc,
    runc_options_pb2,
)
from iluvatar_bench.containerd.channel import READ_SECONDS, Channel
from iluvatar_bench.containerd.values import ContainerRecord, utc

if TYPE_CHECKING:
    from collections.abc import Sequence

SPEC_TYPE_URL = "types.containerd.io/opencontainers/runtime-spec/1/Spec"
"""The type under which containerd stores an OCI runtime spec: JSON, not protobuf."""


class Containers:
    """Container records of the channel's namespace."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._stub = containers_pb2_grpc.ContainersStub(channel.grpc_channel)

    async def create(self, record: ContainerRecord, *, lease: str | None = None) -> None:
        """Store the record. Containerd does not check that ``snapshot_key`` exists.

        Raises:
            AlreadyExists: a record of this id is there.
        """
        message = containers_pb2.Container(
            id=record.id,
            labels=dict(record.labels),
            image=record.image,
            runtime=containers_pb2.Container.Runtime(name=record.runtime),
            spec=AnyMessage(type_url=SPEC_TYPE_URL, value=json.dumps(record.spec).encode()),
            snapshotter=record.snapshotter,
            snapshot_key=record.snapshot_key,
        )
        await self._channel.call(
            self._stub.Create,
            containers_pb2.CreateContainerRequest(container=message),
            operation="Containers.Create",
            subject=record.id,
            lease=lease,
        )

    async def get(self, container_id: str) -> ContainerRecord:
        """One record.

        Raises:
            NotFound: there is none of this id.
        """
        answer = await self._channel.call(
            self._stub.Get,
            containers_pb2.GetContainerRequest(id=container_id),
            operation="Containers.Get",
            subject=container_id,
            seconds=READ_SECONDS,
        )
        return _record(answer.container)

    async def list(
        self, filters: Sequence[str] = (), *, known: Mapping[str, ContainerRecord] | None = None
    ) -> tuple[ContainerRecord, ...]:
        """All records that one of the filters selects (containerd's filter syntax).

        Of those in ``known``, by id, the ones that have not changed since are not read anew.

        One message a record: in a single answer containerd sends 16 MiB and not more, which
        8,500 records with usual specs exceed.
        """
        stream = self._channel.stream(
            self._stub.ListStream,
            containers_pb2.ListContainersRequest(filters=filters),
            operation="Containers.List",
        )
        before = known or {}
        return tuple([_unchanged(answer.container, before) async for answer in stream])

    async def set_labels(self, container_id: str, labels: Mapping[str, str]) -> None:
        """Set these labels of a record; an empty value takes a label away, and others stay.

        Raises:
            NotFound: there is no record of this id.
            InvalidArgument: a label and its value together are longer than 4,096 bytes.
        """
        message = containers_pb2.Container(id=container_id, labels=dict(labels))
        await self._channel.call(
            self._stub.Update,
            containers_pb2.UpdateContainerRequest(
                container=message,
                # One path a label: "labels" alone would take all others away
                # (containerd, metadata/containers.go).
                update_mask=FieldMask(paths=[f"labels.{name}" for name in labels]),
            ),
            operation="Containers.Update",
            subject=container_id,
        )

    async def delete(self, container_id: str) -> None:
        """Delete the record, and with it its hold on the snapshot.

        Raises:
            NotFound: already gone.
        """
        await self._channel.call(
            self._stub.Delete,
            containers_pb2.DeleteContainerRequest(id=container_id),
            operation="Containers.Delete",
            subject=container_id,
        )


def _unchanged(message: Any, known: Mapping[str, ContainerRecord]) -> ContainerRecord:
    """The record that is known, where the message is the same."""
    before = known.get(message.id)
    changed_at = utc(message.updated_at)
    if before is not None and changed_at is not None and before.updated_at == changed_at:
        return before
    return _record(message)


def _record(message: Any) -> ContainerRecord:
    spec, problem = _spec(message.spec)
    return ContainerRecord(
        id=message.id,
        image=message.image,
        runtime=message.runtime.name,
        spec=spec,
        snapshotter=message.snapshotter,
        snapshot_key=message.snapshot_key,
        labels=dict(message.labels),
        runtime_binary=_runtime_binary(message.runtime.options),
        created_at=utc(message.created_at),
        updated_at=utc(message.updated_at),
        spec_problem=problem,
    )


def _spec(stored: Any) -> tuple[Mapping[str, Any], str]:
    """The spec, and why it is empty where it is; containerd stores whatever a client sends."""
    try:
        # Unlike the standard library's it refuses in order what is nested beyond Python's stack,
        # and halves of characters that could not be printed.
        spec = from_json(stored.value)
    except ValueError as error:
        return {}, f"no JSON ({error})"
    return (spec, "") if isinstance(spec, dict) else ({}, "no JSON object")


def _runtime_binary(options: Any) -> str:
    """``binary_name`` of runc's options; empty for other runtimes' options, or none."""
    if not options.type_url.endswith("containerd.runc.v1.Options"):
        return ""
    message = runc_options_pb2.Options()
    try:
        message.ParseFromString(options.value)
    except DecodeError:
        return ""
    return message.binary_name
