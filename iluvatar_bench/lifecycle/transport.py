"""HTTP to attachments and to nothing else: httpx, with connections of our own making.

A request names its target by the attachment's id, as the host of its URL. Only the address book
can turn that into a connection, so there is no way to send anything to an address that this
process has not assigned. A connection is bound to the one interface that the address is behind: if
that is gone, the packet is not sent elsewhere.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import Any

import httpcore
import httpx

from iluvatar_bench.host.completion import call_to_end
from iluvatar_bench.host.kernel import netns
from iluvatar_bench.host.network.attachment import AddressBook, Attachment, NetworkMode

SocketOption = Any
"""httpcore's own alias is not public."""


class AttachmentTransport(httpx.AsyncBaseTransport):
    """Sends requests whose URL's host is the id of an attachment in the book.

    Each request has a connection of its own: one that was kept and had been closed meanwhile by the
    other side would be counted as the container's failure, and a first invocation could not be
    compared with a later one.
    """

    def __init__(self, book: AddressBook) -> None:
        self._book = book
        self._pool = httpcore.AsyncConnectionPool(
            # None: a limit would queue requests, and the wait would pass for latency.
            max_connections=None,
            max_keepalive_connections=0,
            network_backend=_AttachmentBackend(book),
        )

    async def __aenter__(self) -> AttachmentTransport:
        await self._pool.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self._pool.__aexit__(exc_type, exc_value, traceback)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request.

        Raises:
            AddressRefused: the book has no such attachment, or its namespace is gone.
            httpx.TransportError: as of httpx's own transport.
        """
        assert isinstance(request.stream, httpx.AsyncByteStream)
        self._book.require(request.url.host)
        with _httpx_errors():
            response = await self._pool.handle_async_request(
                httpcore.Request(
                    method=request.method,
                    url=httpcore.URL(
                        scheme=request.url.raw_scheme,
                        host=request.url.raw_host,
                        port=request.url.port,
                        target=request.url.raw_path,
                    ),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        return httpx.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_ResponseStream(response),
            extensions=response.extensions,
        )


class _ResponseStream(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _httpx_errors():
            async for part in self._response.aiter_stream():
                yield part

    async def aclose(self) -> None:
        await self._response.aclose()


@contextmanager
def _httpx_errors() -> Iterator[None]:
    """Translate httpcore's errors: each has its namesake in httpx (a test holds them to that)."""
    try:
        yield
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise getattr(httpx, type(error).__name__)(str(error)) from error


class _AttachmentBackend(httpcore.AsyncNetworkBackend):
    """Opens connections to attachments, from inside the namespace where that is needed."""

    def __init__(self, book: AddressBook) -> None:
        self._book = book

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        attachment = self._book.require(host)
        connection = await _new_socket(attachment)
        try:
            connection.setblocking(False)
            target: str | tuple[str, int] = str(attachment.socket)
            if attachment.socket is None:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                device = attachment.device.encode()
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device)
                target = (attachment.address, attachment.port)
            async with asyncio.timeout(timeout):
                await asyncio.get_running_loop().sock_connect(connection, target)
        except TimeoutError as error:
            connection.close()
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            connection.close()
            raise httpcore.ConnectError(str(error)) from error
        except BaseException:
            connection.close()
            raise
        return _SocketStream(connection)


async def _new_socket(attachment: Attachment) -> socket.socket:
    """A socket in the namespace in which the attachment's address is reached, or a unix socket."""
    if attachment.socket is not None:
        return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    make = partial(socket.socket, socket.AF_INET, socket.SOCK_STREAM)
    if attachment.mode is not NetworkMode.LOOPBACK:
        return make()
    assert attachment.namespace is not None
    return await call_to_end(
        partial(netns.run_inside, attachment.namespace, make), undo=socket.socket.close
    )


class _SocketStream(httpcore.AsyncNetworkStream):
    """A connected, non-blocking socket as httpcore wants it."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            async with asyncio.timeout(timeout):
                return await asyncio.get_running_loop().sock_recv(self._socket, max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not buffer:
            # Nothing to send must not report, and so use up, an error of what was sent before.
            return
        try:
            async with asyncio.timeout(timeout):
                await asyncio.get_running_loop().sock_sendall(self._socket, buffer)
        except TimeoutError as error:
            raise httpcore.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    async def aclose(self) -> None:
        self._socket.close()

    def get_extra_info(self, info: str) -> Any:
        if info == "socket":
            return self._socket
        if info == "is_readable":
            # Not select(2), which knows no descriptor above 1023.
            poller = select.poll()
            poller.register(self._socket, select.POLLIN)
            return bool(poller.poll(0))
        return None
