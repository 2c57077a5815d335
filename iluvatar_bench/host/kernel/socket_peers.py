"""Which processes are connected to a Unix socket: who the clients of a daemon are."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from iluvatar_bench.host.kernel.processes import all_pids, command_line

# linux/netlink.h, linux/sock_diag.h, linux/unix_diag.h
_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY = 4, 20
_REQUEST_DUMP, _DONE, _ERROR = 0x301, 3, 2
_SHOW_NAME_AND_PEER = 1 | 4
_NAME, _PEER = 0, 2
_ESTABLISHED = 1 << 1

_HEADER = struct.Struct("=IHHII")
_ASKED = struct.Struct("=BBHIIIII")
_ANSWER = struct.Struct("=BBBBIII")
_ATTRIBUTE = struct.Struct("=HH")


@dataclass(frozen=True, slots=True, order=True)
class SocketPeer:
    """A process at the other end, by its program's name."""

    program: str
    pid: int


def socket_peers(path: Path) -> tuple[SocketPeer, ...]:
    """The processes that are connected to the socket at this path, our own left out.

    Empty where the kernel does not tell. It tells of the sockets of our network namespace, and
    whose a socket is only of processes that we may look at.
    """
    try:
        inodes = _peer_inodes(str(path))
    except OSError:
        return ()
    holders = set(_holders(inodes)) - {os.getpid()} if inodes else set()
    named = ((arguments[0], pid) for pid in holders if (arguments := command_line(pid)))
    return tuple(sorted(SocketPeer(Path(program).name, pid) for program, pid in named))


def _peer_inodes(path: str) -> set[int]:
    """The other ends of the connections that were accepted at the path (sock_diag(7))."""
    size = _HEADER.size + _ASKED.size
    asked = _HEADER.pack(size, _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, 1, 0)
    asked += _ASKED.pack(socket.AF_UNIX, 0, 0, _ESTABLISHED, 0, _SHOW_NAME_AND_PEER, 0, 0)
    found = set()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as channel:
        channel.settimeout(1.0)
        channel.send(asked)
        for answer in _answers(channel):
            attributes = dict(_attributes(answer[_ANSWER.size :]))
            name = attributes.get(_NAME, b"").rstrip(b"\0").decode(errors="replace")
            if name == path and len(attributes.get(_PEER, b"")) == 4:
                found.add(struct.unpack("=I", attributes[_PEER])[0])
    return found


def _answers(channel: socket.socket) -> Iterator[bytes]:
    while True:
        data = channel.recv(1 << 17)
        while len(data) >= _HEADER.size:
            length, kind, *_ = _HEADER.unpack_from(data)
            if kind in (_DONE, _ERROR) or length < _HEADER.size:
                return
            yield data[_HEADER.size : length]
            data = data[(length + 3) & ~3 :]
        if data:
            return


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        if length < _ATTRIBUTE.size:
            return
        yield kind, data[_ATTRIBUTE.size : length]
        data = data[(length + 3) & ~3 :]


def _holders(inodes: set[int]) -> Iterator[int]:
    wanted = {f"socket:[{inode}]" for inode in inodes}
    return (pid for pid in all_pids() if not wanted.isdisjoint(_open_files(pid)))


def _open_files(pid: int) -> Iterator[str]:
    """What the descriptors of a process are; nothing where that may not be seen."""
    try:
        descriptors = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return
    for descriptor in descriptors:
        try:
            yield str(descriptor.readlink())
        except OSError:
            # It was closed meanwhile.
            continue
