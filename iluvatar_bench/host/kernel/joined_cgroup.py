"""Whether a process is in the cgroup that its container's spec asks for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from iluvatar_bench.host.kernel import cgroups
from iluvatar_bench.host.kernel.processes import cgroup_of_process, is_alive

_DELETED = " (deleted)"
"""What the kernel puts behind the path of a cgroup that was removed (cgroups(7))."""


@dataclass(frozen=True, slots=True)
class JoinedCgroup:
    """``joined``: it is in the cgroup, or in one below it. ``where`` is the one that it is in."""

    joined: bool
    where: str


def joined_cgroup(pid: int, path: str) -> JoinedCgroup | None:
    """Where a process is that was to join ``path``; None for one that has ended.

    A runtime of version 1 joins every hierarchy, systemd some of them: one suffices.
    """
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        found = line.split(":", 2)[-1].removesuffix(_DELETED)
        if f"{path}/" in f"{found}/":
            return JoinedCgroup(joined=True, where=found)
    # Of a reader in a cgroup namespace of its own the kernel tells other paths than are mounted.
    if pid in (cgroups.members(path, recursive=True) or ()):
        return JoinedCgroup(joined=True, where=path)
    where = cgroup_of_process(pid) or "/"
    # Of one that is ending, version 1 says that it is in the root cgroup.
    return JoinedCgroup(joined=False, where=where) if is_alive(pid) else None
