"""The shims that run on this host: which container of which containerd each one serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from iluvatar_bench.host.kernel.processes import all_pids, command_line

_ACTIONS = frozenset({"start", "delete"})
"""Containerd also runs the shim's program for a moment to start a shim, and to clean up after one
that is gone: with the same options, and the action behind them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shim:
    """One shim, as its own arguments describe it.

    ``bundle`` is its working directory, None where that may not be read. A pod's containers share
    the shim of the pod's sandbox, and those of one ``io.containerd.runc.v2.group`` that of the
    first of them: ``container_id`` is the one it was started for.
    """

    pid: int
    address: Path
    namespace: str
    container_id: str
    bundle: Path | None


def visible_shims() -> tuple[Shim, ...]:
    """Every living shim that we can see, of every containerd; changes nothing.

    A program that starts a shim or cleans up after one serves no container, and is none.
    """
    return tuple(shim for pid in all_pids() if (shim := _shim(pid)) is not None)


def shim_of(address: Path, container_id: str) -> int | None:
    """The shim that serves a container of one containerd; None where there is none."""
    for shim in visible_shims():
        if shim.container_id == container_id and same_socket(shim.address, address):
            return shim.pid
    return None


def is_shim(pid: int) -> bool:
    """Whether a process is a shim, of whichever containerd."""
    return _shim(pid) is not None


def shim_processes(address: Path) -> tuple[int, ...]:
    """Every process of the shims of one containerd, those too that start one or clean up."""
    return tuple(
        pid
        for pid in all_pids()
        if (options := _options(command_line(pid))) is not None
        and same_socket(Path(options["-address"]), address)
    )


def same_socket(one: Path, other: Path) -> bool:
    """Whether two paths name one socket: ``/var/run`` is a link to ``/run``."""
    try:
        return one.resolve() == other.resolve() or one.samefile(other)
    except OSError:
        return False


def _shim(pid: int) -> Shim | None:
    arguments = command_line(pid)
    options = _options(arguments)
    if options is None or arguments[-1] in _ACTIONS:
        return None
    try:
        bundle = Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        bundle = None
    return Shim(
        pid=pid,
        address=Path(options["-address"]),
        namespace=options["-namespace"],
        container_id=options["-id"],
        bundle=bundle,
    )


def _options(arguments: tuple[str, ...]) -> Mapping[str, str] | None:
    """The options that a shim's program was started with; None for any other program."""
    if not arguments or not Path(arguments[0]).name.startswith("containerd-shim"):
        return None
    options = dict(pairwise(arguments))
    if "-workdir" in options:
        # The shim of io.containerd.runtime.v1.linux has no -id: its folder's name is the id
        # (containerd 1.6.20, runtime/v1/shim/client/client.go, newCommand).
        options.setdefault("-id", Path(options["-workdir"]).name)
    return options if {"-address", "-namespace", "-id"} <= set(options) else None
