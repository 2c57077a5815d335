"""The connection to one containerd, and the one gate through which its errors pass."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from iluvatar_bench import errors

READ_SECONDS = 15.0
"""Deadline of requests that only read the metadata database."""

CHANGE_SECONDS = 120.0
"""Deadline of requests that change something. Containerd hands a client's deadline on to the
shim and to runc, where a short one leaves a stuck ``runc init`` behind; this one only bounds a
daemon that hangs."""

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

_NEVER_SENT = ("failed to connect to all addresses", "connection refused")


class Channel:
    """One gRPC connection, used under one containerd namespace.

    An asynchronous context manager: leaving it closes the connection.
    """

    def __init__(self, address: Path, *, namespace: str) -> None:
        self.address = address
        self.namespace = namespace
        self.grpc_channel = grpc.aio.insecure_channel(
            f"unix:{address}",
            options=[
                # The proxy settings of the environment are not for a local socket, and the
                # authority must be valid whatever the socket's path is.
                ("grpc.enable_http_proxy", 0),
                ("grpc.default_authority", "localhost"),
                ("grpc.max_receive_message_length", 64 * 1024 * 1024),
                # Two clients in one process must not share a connection that one of them closes.
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.initial_reconnect_backoff_ms", 50),
                ("grpc.min_reconnect_backoff_ms", 50),
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
    def gate(self, operation: str, subject: str = "") -> Iterator[None]:
        """Turn a gRPC error raised inside into the project's own, chained to it."""
        try:
            yield
        except grpc.aio.AioRpcError as error:
            detail = error.details() or error.code().name
            kind = BY_STATUS.get(error.code(), errors.DaemonFault)
            never_sent = any(text in detail.lower() for text in _NEVER_SENT)
            if kind is errors.Unavailable and never_sent:
                raise errors.Unreachable(
                    operation=operation,
                    subject=subject,
                    namespace=self.namespace,
                    detail=f"no containerd answers at {self.address}; start it, or use another",
                ) from error
            raise kind(
                operation=operation, subject=subject, namespace=self.namespace, detail=detail
            ) from error

    async def call(
        self,
        method: Any,
        request: Any,
        *,
        operation: str,
        subject: str = "",
        seconds: float | None = CHANGE_SECONDS,
        lease: str | None = None,
    ) -> Any:
        """One request, one answer.

        Raises:
            ContainerdError: the subclass for the gRPC status.
        """
        with self.gate(operation, subject):
            return await method(request, metadata=self.metadata(lease=lease), timeout=seconds)
