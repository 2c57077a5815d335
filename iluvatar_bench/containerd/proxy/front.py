"""The socket that clients connect to: it learns who they are and relays their bytes.

A gRPC server does not tell which process is at the other end of a connection; the kernel does
(SO_PEERCRED, unix(7)), to whoever has accepted it. So connections are accepted here and relayed
to the server's own socket, each from a socket with a name of its own (in the abstract namespace):
that name is what the server calls the connection's peer.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from iluvatar_bench.containerd.proxy.own_folder import somebody_listens
from iluvatar_bench.errors import UnusablePath
from iluvatar_bench.host.kernel import processes

LONGEST_SOCKET_PATH = 107
"""Bytes of a socket's path, without the byte that ends it (unix(7), ``sun_path``)."""

_CREDENTIALS = struct.Struct("3i")
"""``struct ucred``: pid, uid, gid."""

_COMMAND_LENGTH = 200
_RELAYED_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Peer:
    """The process at the client's end of a connection, as it was when it connected."""

    pid: int | None
    """None where it lives in a PID namespace that is not below ours."""
    command: str | None


UNKNOWN_PEER = Peer(None, None)


class Front:
    """Accepts connections and relays each to the server behind.

    :meth:`stop_answering` and :meth:`answer_again` do to all connections what SIGSTOP and SIGCONT
    of a daemon do: the kernel takes bytes and connections, nobody reads them.
    """

    def __init__(self, listener: socket.socket, server: Path) -> None:
        self._listener = listener
        self._server = server
        self._token = secrets.token_hex(6)
        self._connections = 0
        self._peers: dict[str, Peer] = {}
        self._halves: set[_Half] = set()
        self._answering = asyncio.Event()
        self._answering.set()

    def peer(self, name: str) -> Peer:
        """Who is behind a connection that the server names ``name``."""
        return self._peers.get(name, UNKNOWN_PEER)

    @property
    def connections(self) -> int:
        """How many connections were accepted so far."""
        return self._connections

    def stop_answering(self) -> None:
        """Read nothing more, of either side."""
        self._answering.clear()
        for half in self._halves:
            half.transport.pause_reading()

    def answer_again(self) -> None:
        """Go on with everything."""
        self._answering.set()
        for half in self._halves:
            if half.wanted:
                half.transport.resume_reading()

    @property
    def answering(self) -> bool:
        """Whether bytes are relayed now."""
        return self._answering.is_set()

    async def accept(self) -> None:
        """Accept connections until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(self._listener)
            await self._answering.wait()
            self._connections += 1
            try:
                await self._relay(client, f"iluvatar-bench/{self._token}/{self._connections}")
            except OSError:
                # The server behind has ended, or the client has gone already.
                client.close()

    async def _relay(self, client: socket.socket, name: str) -> None:
        loop = asyncio.get_running_loop()
        peer = f"unix-abstract:{name}"
        self._peers[peer] = _peer_of(client)
        server = socket.socket(socket.AF_UNIX)
        try:
            server.setblocking(False)
            server.bind(f"\0{name}")
            await loop.sock_connect(server, str(self._server))
            ends = _Half(self), _Half(self)
            for end, other in (ends, ends[::-1]):
                end.other = other
            _, behind = await loop.create_connection(lambda: ends[1], sock=server)
        except BaseException:
            server.close()
            self._peers.pop(peer, None)
            raise
        behind.peer = peer
        await loop.connect_accepted_socket(lambda: ends[0], client)

    def joined(self, half: _Half) -> None:
        """One end of a connection is there."""
        self._halves.add(half)
        if not self.answering:
            half.transport.pause_reading()

    def left(self, half: _Half) -> None:
        """One end of a connection is gone, and with it the other."""
        self._halves.discard(half)
        if half.peer is not None:
            self._peers.pop(half.peer, None)

    def close(self) -> None:
        """Break every connection."""
        for half in tuple(self._halves):
            half.transport.abort()


class _Half(asyncio.BufferedProtocol):
    """One end of a relayed connection: what comes in here goes out at ``other``."""

    transport: asyncio.Transport
    other: _Half

    def __init__(self, front: Front) -> None:
        self._front = front
        self._buffer = bytearray(_RELAYED_BYTES)
        self._view = memoryview(self._buffer)
        self._there = False
        self._early = b""
        self.peer: str | None = None
        self.wanted = True
        """Whether the other end takes bytes at the moment."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._there = True
        self._front.joined(self)
        if self._early:
            transport.write(self._early)
            self._early = b""

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        self.other.send(bytes(self._view[:nbytes]))

    def send(self, data: bytes) -> None:
        """Send on what the other end has read."""
        if self._there:
            self.transport.write(data)
        else:
            self._early += data

    def pause_writing(self) -> None:
        self.other.want(False)

    def resume_writing(self) -> None:
        self.other.want(True)

    def want(self, wanted: bool) -> None:
        """Read, or wait until the other end has sent what it has."""
        self.wanted = wanted
        if wanted and self._front.answering:
            self.transport.resume_reading()
        elif not wanted:
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        # HTTP/2 knows no half-closed connection: the end of one side is the end of both.
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._front.left(self)
        if self.other._there:
            self.other.transport.close()
        self._there = False


def _peer_of(client: socket.socket) -> Peer:
    raw = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, _, _ = _CREDENTIALS.unpack(raw)
    if pid == 0:
        return UNKNOWN_PEER
    return Peer(pid, " ".join(processes.command_line(pid))[:_COMMAND_LENGTH] or None)


@asynccontextmanager
async def open_front(listen: Path, *, server: Path, like: Path) -> AsyncIterator[Front]:
    """Listen at ``listen`` for the length of a block, with owner and mode of the socket ``like``.

    Raises:
        UnusablePath: the path is too long, taken, or cannot be written to.
    """
    listener = _listener(listen, like)
    front = Front(listener, server)
    accepting = asyncio.create_task(front.accept())
    try:
        yield front
    finally:
        accepting.cancel()
        await asyncio.wait((accepting,))
        listener.close()
        listen.unlink(missing_ok=True)
        front.close()


def require_short(path: Path) -> None:
    """Raise where a socket cannot have this path.

    Raises:
        UnusablePath: it is too long.
    """
    length = len(os.fsencode(path))
    if length > LONGEST_SOCKET_PATH:
        raise UnusablePath(
            f"the path of a socket has at most {LONGEST_SOCKET_PATH} bytes, and {path} has "
            f"{length}; choose a shorter one, as below /run or /tmp"
        )


def _listener(listen: Path, like: Path) -> socket.socket:
    require_short(listen)
    status = like.stat()
    listener = socket.socket(socket.AF_UNIX)
    try:
        _bind(listener, listen)
        try:
            # Before anybody can connect: that takes listen(2).
            listen.chmod(status.st_mode & 0o777)
            os.chown(listen, status.st_uid, status.st_gid)
            listener.listen(128)
        except OSError as error:
            listen.unlink(missing_ok=True)
            raise UnusablePath(f"cannot listen at {listen}: {error.strerror}") from error
    except BaseException:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def _bind(listener: socket.socket, listen: Path) -> None:
    if listen.is_socket() and not somebody_listens(listen):
        listen.unlink(missing_ok=True)
    before = os.umask(0o177)
    try:
        listener.bind(str(listen))
    except OSError as error:
        taken = listen.exists()
        raise UnusablePath(
            f"{listen} is taken; name a path where there is nothing"
            if taken
            else f"cannot listen at {listen}: {error.strerror}"
        ) from error
    finally:
        os.umask(before)
