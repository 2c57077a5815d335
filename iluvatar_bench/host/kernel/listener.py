"""Which process listens at a socket: what tells a daemon from the one that took its place."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from pathlib import Path

import psutil

CONNECT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Listener:
    """A process, by its PID and its start (seconds since the epoch): together no other's."""

    pid: int
    started_at: float


def listener_at(path: Path) -> Listener | None:
    """Who listens at the Unix socket; None where the kernel does not tell.

    The kernel keeps the credentials of the process that called listen(2) (unix(7), SO_PEERCRED).
    It does not tell of a process in a PID namespace that we do not see; with systemd's socket
    activation it names systemd.

    Raises:
        OSError: nobody listens, or there is no socket.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(CONNECT_SECONDS)
        connection.connect(str(path))
        # struct ucred: pid, uid, gid.
        size = struct.calcsize("iII")
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    pid, _, _ = struct.unpack("iII", raw)
    try:
        return Listener(pid, psutil.Process(pid).create_time()) if pid > 0 else None
    except psutil.Error:
        return None
