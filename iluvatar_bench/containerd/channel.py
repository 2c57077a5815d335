"""The connection to one containerd, and the one gate through which its errors pass."""

from __future__ import annotations

import copy
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from iluvatar_bench import errors
from iluvatar_bench.containerd.transport_words import Said, reason, said_by_library, target

READ_SECONDS = 15.0
"""Deadline of requests that only read the metadata database."""

CHANGE_SECONDS = 120.0
"""Deadline of requests that change something. Containerd hands a client's deadline on to the
shim and to runc, where a short one leaves a stuck ``runc init`` behind; this one only bounds a
daemon that hangs."""

CONNECT_SECONDS = 10.0
"""How long a daemon that listens may take until its first answer. One that is stopped or overloaded
takes the connection (the kernel does that) and says nothing."""

MOST_MESSAGE_BYTES = 64 * 1024 * 1024
"""The largest answer that is taken. Containerd itself sends at most 16 MiB at a time unless its
configuration says otherwise (``max_send_message_size``): lists that can grow beyond that come in
many messages (containers, snapshots, content); images, leases and tasks, which have no such call,
take about 150 bytes each."""

BY_STATUS: dict[grpc.StatusCode, type[errors.ContainerdError]] = {
    grpc.StatusCode.CANCELLED: errors.Cancelled,
    grpc.StatusCode.UNKNOWN: errors.DaemonFault,
    grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidArgument,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.DeadlineExceeded,
    grpc.StatusCode.NOT_FOUND: errors.NotFound,
    grpc.StatusCode.ALREADY_EXISTS: errors.AlreadyExists,
    grpc.StatusCode.PERMISSION_DENIED: errors.PermissionRefused,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.ResourceExhausted,
    grpc.StatusCode.FAILED_PRECONDITION: errors.FailedPrecondition,
    grpc.StatusCode.ABORTED: errors.DaemonFault,
    grpc.StatusCode.OUT_OF_RANGE: errors.InvalidArgument,
    grpc.StatusCode.UNIMPLEMENTED: errors.NotImplementedByDaemon,
    grpc.StatusCode.INTERNAL: errors.DaemonFault,
    grpc.StatusCode.UNAVAILABLE: errors.Unavailable,
    grpc.StatusCode.DATA_LOSS: errors.DataLost,
    grpc.StatusCode.UNAUTHENTICATED: errors.PermissionRefused,
}
"""Every status but OK; a test holds it complete."""

_BY_WORDS: dict[Said, type[errors.ContainerdError]] = {
    Said.NOBODY_LISTENS: errors.Unreachable,
    Said.OTHER_PROTOCOL: errors.Unreachable,
    Said.NOT_CONNECTED: errors.NotConnected,
}
"""Where nothing was sent: a status would leave that open."""


class Channel:
    """One gRPC connection, used under one containerd namespace.

    An asynchronous context manager: leaving it closes the connection.
    """

    def __init__(self, address: Path, *, namespace: str) -> None:
        self.address = address
        self.namespace = namespace
        self.grpc_channel = grpc.aio.insecure_channel(
            target(address),
            options=[
                # The proxy settings of the environment are not for a local socket, and the
                # authority must be valid whatever the socket's path is.
                ("grpc.enable_http_proxy", 0),
                ("grpc.default_authority", "localhost"),
                ("grpc.max_receive_message_length", MOST_MESSAGE_BYTES),
                # Two clients in one process must not share a connection that one of them closes.
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.initial_reconnect_backoff_ms", 50),
                # In spite of its name it bounds an attempt to connect, which lasts until the daemon
                # has greeted back. The requests that wait for it have deadlines of their own.
                ("grpc.min_reconnect_backoff_ms", int(CHANGE_SECONDS * 1000)),
                ("grpc.max_reconnect_backoff_ms", 1000),
            ],
        )

    async def __aenter__(self) -> Channel:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection; requests under way are cancelled."""
        await self.grpc_channel.close()

    def under(self, namespace: str) -> Channel:
        """The same connection under another namespace; it is closed with this one."""
        other = copy.copy(self)
        other.namespace = namespace
        return other

    def metadata(self, *, lease: str | None = None) -> tuple[tuple[str, str], ...]:
        """The headers of a request; what it creates under ``lease`` is held by that lease."""
        headers = (("containerd-namespace", self.namespace),)
        return (*headers, ("containerd-lease", lease)) if lease else headers

    @contextmanager
    def gate(
        self, operation: str, subject: str = "", *, seconds: float | None = None
    ) -> Iterator[None]:
        """Turn a gRPC error raised inside into the project's own, chained to it.

        ``seconds`` is the deadline of the request inside, for the message.
        """
        try:
            yield
        except grpc.aio.AioRpcError as error:
            detail = error.details() or error.code().name
            kind = BY_STATUS.get(error.code(), errors.DaemonFault)
            said = said_by_library(error.code(), detail, self.address)
            if said is not None:
                kind = _BY_WORDS.get(said, kind)
                detail = self._in_words(said, detail, seconds)
            raise kind(
                operation=operation, subject=subject, namespace=self.namespace, detail=detail
            ) from error

    def _in_words(self, said: Said, detail: str, seconds: float | None) -> str:
        why = reason(detail, self.address)
        match said:
            case Said.NOBODY_LISTENS:
                return f"no containerd answers at {self.address}; start it, or use another"
            case Said.OTHER_PROTOCOL:
                return (
                    f"what listens at {self.address} is no containerd ({why}); "
                    "name the socket of a running containerd"
                )
            case Said.NOT_CONNECTED:
                return f"containerd at {self.address} took no connection ({why})"
            case Said.NO_ANSWER:
                within = "in time" if seconds is None else f"within {round(seconds, 1):g} s"
                return (
                    f"containerd at {self.address} does not answer {within}: "
                    "it is stopped, hangs or has too much to do"
                )
            case Said.BROKEN:
                return f"the connection to containerd at {self.address} broke ({why})"
            case Said.TOO_LARGE:
                return f"the answer of containerd at {self.address} is too large ({why})"

    async def call(
        self,
        method: Any,
        request: Any,
        *,
        operation: str,
        subject: str = "",
        seconds: float | None = CHANGE_SECONDS,
        of_seconds: float | None = None,
        lease: str | None = None,
    ) -> Any:
        """One request, one answer.

        An error tells ``of_seconds`` where the deadline is what several requests have left of them.

        Raises:
            ContainerdError: the subclass for the gRPC status.
        """
        told = seconds if of_seconds is None else of_seconds
        with self.gate(operation, subject, seconds=told):
            return await method(request, metadata=self.metadata(lease=lease), timeout=seconds)

    async def stream(
        self,
        method: Any,
        request: Any,
        *,
        operation: str,
        subject: str = "",
        seconds: float | None = READ_SECONDS,
    ) -> AsyncGenerator[Any]:
        """One request, and its answers as they come; ``seconds`` bounds all of them together.

        Raises:
            ContainerdError: the subclass for the gRPC status.
        """
        with self.gate(operation, subject, seconds=seconds):
            async for answer in method(request, metadata=self.metadata(), timeout=seconds):
                yield answer
