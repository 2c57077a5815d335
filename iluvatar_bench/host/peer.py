"""The process behind a Unix socket: who listens, and what it was started with."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from pathlib import Path

from iluvatar_bench.host.processes import command_line

_CREDENTIALS = struct.Struct("3i")
"""The kernel's ``struct ucred``: pid, uid, gid (unix(7), SO_PEERCRED)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """The process that listens on a socket.

    ``search_path`` is its PATH, where it finds its programs; None where that may not be read.
    ``same_mounts`` tells whether it sees the mounts that we see; None is *not known*.
    """

    pid: int
    arguments: tuple[str, ...]
    search_path: str | None
    same_mounts: bool | None


def listener_of(address: Path, *, seconds: float = 5.0) -> Listener | None:
    """Who listens on the socket; None where that process is not visible to us.

    It opens a connection and closes it again, without a byte sent.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(seconds)
        try:
            connection.connect(str(address))
        except OSError:
            return None
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, _, _ = _CREDENTIALS.unpack(raw)
    # The kernel says 0 for a process outside our PID namespace.
    arguments = command_line(pid) if pid else ()
    if not arguments:
        return None
    return Listener(
        pid=pid,
        arguments=arguments,
        search_path=_environment(pid).get("PATH"),
        same_mounts=_same_mounts(pid),
    )


def _environment(pid: int) -> dict[str, str]:
    try:
        raw = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return {}
    pairs = (part.decode(errors="replace").partition("=") for part in raw.split(b"\0") if part)
    return {name: value for name, _, value in pairs}


def _same_mounts(pid: int) -> bool | None:
    try:
        return Path(f"/proc/{pid}/ns/mnt").readlink() == Path("/proc/self/ns/mnt").readlink()
    except OSError:
        return None
