"""The cgroup controllers that containers of this host can have: without one, its limits fail."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from iluvatar_bench.errors import EnvironmentProblem
from iluvatar_bench.host.kernel import cgroups
from iluvatar_bench.host.kernel.mounts import read_mountinfo

WANTED = ("cpu", "memory", "pids")
"""What profiles and people limit."""


def usable_controllers() -> frozenset[str]:
    """The controllers that a cgroup below the root of each hierarchy can be given.

    Of version 2 those of ``cgroup.controllers``. A root that is none of the host's (in a container)
    and has processes of its own gives only what it gives already: the kernel's rule of no internal
    processes (cgroups(7)).
    """
    entries = read_mountinfo()
    found = {name for entry in entries if entry.fs_type == "cgroup" for name in entry.super_options}
    unified = next((Path(e.mount_point) for e in entries if e.fs_type == "cgroup2"), None)
    if unified is not None:
        found |= _given(unified)
    return frozenset(found)


def _given(unified: Path) -> set[str]:
    below_another = (unified / "cgroup.type").exists()
    stuck = below_another and bool(_words(unified / "cgroup.procs"))
    return _words(unified / ("cgroup.subtree_control" if stuck else "cgroup.controllers"))


def _words(file: Path) -> set[str]:
    try:
        return set(file.read_text().split())
    except OSError:
        return set()


def missing_controllers() -> tuple[str, ...]:
    """Those of :data:`WANTED` that cannot be had here."""
    return tuple(name for name in WANTED if name not in usable_controllers())


def give_controllers(path: str) -> None:
    """Have what is made at ``path`` counted and limited: each cgroup above gives :data:`WANTED` on.

    Of version 2 alone, where a runtime does it for a container (runc 1.1.5,
    libcontainer/cgroups/fs2/create.go); version 1 gives every cgroup of a hierarchy its controller.
    What a cgroup does not have, or cannot give since it has processes, is left out. What is given
    stays given, as runtimes leave it: others may count on it by then.
    """
    if cgroups.mode() == "v2":
        give_from(cgroups.hierarchies()[0], path)


def give_from(root: Path, path: str, *, wanted: Iterable[str] = WANTED) -> None:
    """The same below one hierarchy's ``root``, of whatever is ``wanted``.

    One at a time, for the kernel refuses all that are asked for at once if it lacks one.
    """
    directory = root
    for name in path.strip("/").split("/"):
        given = directory / "cgroup.subtree_control"
        for controller in set(wanted) - _words(given):
            with suppress(OSError):
                given.write_text(f"+{controller}")
        directory /= name


def require_controller(name: str, *, wanted_by: str) -> None:
    """Refuse a limit that no cgroup of this host would keep, before anything is started.

    ``wanted_by`` says which one, as in ``memory_limit_mib=64``.

    Raises:
        EnvironmentProblem: its controller is missing; the message says which there are.
    """
    have = usable_controllers()
    if name not in have:
        known = ", ".join(sorted(have.intersection((*WANTED, "cpuset", "io")))) or "none of them"
        raise EnvironmentProblem(
            f"{wanted_by} needs the cgroup controller {name}, which this host "
            f"({cgroups.mode()}) does not give to containers (it gives {known}): "
            f"{how_to_give((name,))}, or set no such limit"
        )


def how_to_give(missing: tuple[str, ...]) -> str:
    """What gives cgroups these controllers."""
    words = " ".join(f"+{name}" for name in missing)
    return (
        f"write {words} to cgroup.subtree_control from the root down, or Delegate=yes in the unit"
    )
