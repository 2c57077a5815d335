"""The events service: what containerd says happened. No replay, no acknowledgement."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError

from iluvatar_bench.containerd._api import event_payloads_pb2, events_pb2, events_pb2_grpc
from iluvatar_bench.containerd.channel import READ_SECONDS, Channel
from iluvatar_bench.containerd.services.snapshots import mount_value
from iluvatar_bench.containerd.values import Mount, utc


@dataclass(frozen=True, slots=True)
class CreatedTask:
    """What ``/tasks/create`` says of a task: where its bundle is, and what its request named."""

    bundle: str
    mounts: tuple[Mount, ...]
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class DaemonEvent:
    """One event. Fields that its topic does not carry are None."""

    timestamp: datetime | None
    namespace: str
    topic: str
    container_id: str | None = None
    pid: int | None = None
    exit_status: int | None = None
    exited_at: datetime | None = None
    snapshot_key: str | None = None
    snapshot_parent: str | None = None
    task: CreatedTask | None = None


class Events:
    """The event stream of the whole daemon."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._stub = events_pb2_grpc.EventsStub(channel.grpc_channel)

    async def publish(self, topic: str) -> None:
        """Publish an event without content, under the channel's namespace.

        Raises:
            InvalidArgument: the topic is not of the form ``/word/word``.
        """
        # A type that every reader can decode, and that says nothing.
        event = AnyMessage(type_url="google.protobuf.Empty")
        await self._channel.call(
            self._stub.Publish,
            events_pb2.PublishRequest(topic=topic, event=event),
            operation="Events.Publish",
            subject=topic,
            seconds=READ_SECONDS,
        )

    async def subscribe(self, filters: Sequence[str] | None = None) -> AsyncIterator[DaemonEvent]:
        """Events as they come, until the daemon ends the stream or the iterator is closed.

        The service ignores the request's namespace, so the default filter names the channel's.
        Events published before the daemon has accepted the subscription are lost: reconcile
        with Tasks.List.

        Raises:
            AnswerLost: the stream broke.
        """
        wanted = filters if filters is not None else [f"namespace=={self._channel.namespace}"]
        with self._channel.gate("Events.Subscribe"):
            stream = self._stub.Subscribe(
                events_pb2.SubscribeRequest(filters=wanted), metadata=self._channel.metadata()
            )
            try:
                async for envelope in stream:
                    yield _event(envelope)
            finally:
                stream.cancel()


def _event(envelope: Any) -> DaemonEvent:
    payload = _payload(envelope.event)
    fields = set(payload.DESCRIPTOR.fields_by_name) if payload is not None else set()
    is_task = envelope.topic.startswith("/tasks/")
    identity = "container_id" if is_task else "id"
    return DaemonEvent(
        timestamp=utc(envelope.timestamp),
        namespace=envelope.namespace,
        topic=envelope.topic,
        container_id=getattr(payload, identity) if identity in fields else None,
        pid=int(payload.pid) if payload is not None and "pid" in fields else None,
        exit_status=(
            int(payload.exit_status) if payload is not None and "exit_status" in fields else None
        ),
        exited_at=utc(payload.exited_at) if payload is not None and "exited_at" in fields else None,
        snapshot_key=payload.key if payload is not None and "key" in fields else None,
        snapshot_parent=payload.parent if payload is not None and "parent" in fields else None,
        task=_created_task(payload) if payload is not None and "rootfs" in fields else None,
    )


def _created_task(payload: Any) -> CreatedTask:
    return CreatedTask(
        bundle=payload.bundle,
        mounts=tuple(mount_value(mount) for mount in payload.rootfs),
        stdout=payload.io.stdout,
        stderr=payload.io.stderr,
    )


def _payload(event: Any) -> Any:
    """The decoded payload, or None for a type this project does not read, or no such message.

    Containerd's type URLs are bare names (``containerd.events.TaskExit``), so protobuf's own
    ``Any.Unpack``, which wants a host in front, does not apply.
    """
    name = event.type_url.rsplit("/", 1)[-1].rsplit(".", 1)[-1]
    kind = getattr(event_payloads_pb2, name, None)
    if kind is None:
        return None
    message = kind()
    try:
        message.ParseFromString(event.value)
    except DecodeError:
        # Whoever may use the socket may publish events, whatever they contain.
        return None
    return message
