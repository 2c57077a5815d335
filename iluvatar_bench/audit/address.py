"""Which socket is meant, and what answers there where that is no containerd."""

from __future__ import annotations

from pathlib import Path

from iluvatar_bench.host.kernel.listener import listener_at
from iluvatar_bench.host.kernel.processes import command_line
from iluvatar_bench.host.socket_address import socket_path

SYSTEM_SOCKET = Path("/run/containerd/containerd.sock")
"""Where a containerd listens unless it is told otherwise."""

_DOCKERS_RUN = Path("/run/docker")


def shims_socket(address: Path) -> str | None:
    """A sentence on the socket beside containerd's own that is for its shims; None of any other.

    It speaks no gRPC: who asks there gets no answer.
    """
    if address.suffix != ".ttrpc":
        return None
    return (
        f"{address} is the socket that containerd has for its shims (ttrpc); its clients use "
        f"{address.with_suffix('')}"
    )


def what_listens(address: Path) -> str | None:
    """A sentence on a socket where dockerd listens; None of any other."""
    try:
        listener = listener_at(address)
    except OSError:
        return None
    arguments = command_line(listener.pid) if listener else ()
    if arguments and Path(arguments[0]).name == "dockerd":
        return f"{address} is dockerd's own socket; its containerd is at {_of_dockerd(arguments)}"
    return None


def _of_dockerd(arguments: tuple[str, ...]) -> Path:
    """Where the containerd of a dockerd is: named, started by itself, or the system's.

    Source: moby v28.5.1, cmd/dockerd (``--containerd``; else the system's where that runs; else one
    of its own below ``--exec-root``).
    """
    named = _option(arguments, "--containerd")
    if named:
        return socket_path(named)
    own = Path(_option(arguments, "--exec-root") or _DOCKERS_RUN) / "containerd/containerd.sock"
    return own if own.exists() else SYSTEM_SOCKET


def _option(arguments: tuple[str, ...], name: str) -> str:
    for number, argument in enumerate(arguments):
        flag, separator, value = argument.partition("=")
        if flag == name:
            return value if separator else next(iter(arguments[number + 1 :]), "")
    return ""
