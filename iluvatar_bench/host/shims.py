"""The shims that run on this host: which container of which containerd each one serves."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from iluvatar_bench.host.processes import all_pids, command_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Shim:
    """One shim, as its own arguments describe it.

    ``bundle`` is its working directory, None where that may not be read. A pod's containers share
    the shim of the pod's sandbox.
    """

    pid: int
    address: Path
    namespace: str
    container_id: str
    bundle: Path | None


def visible_shims() -> tuple[Shim, ...]:
    """Every shim that we can see, of every containerd; changes nothing."""
    return tuple(shim for pid in all_pids() if (shim := _shim(pid)) is not None)


def same_socket(one: Path, other: Path) -> bool:
    """Whether two paths name one socket: ``/var/run`` is a link to ``/run``."""
    try:
        return one.resolve() == other.resolve() or one.samefile(other)
    except OSError:
        return False


def _shim(pid: int) -> Shim | None:
    arguments = command_line(pid)
    if not arguments or not Path(arguments[0]).name.startswith("containerd-shim"):
        return None
    options = dict(pairwise(arguments))
    if not {"-address", "-namespace", "-id"} <= set(options):
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
