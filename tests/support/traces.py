"""Everything that one private containerd has on this host, by its own name."""

from __future__ import annotations

import time

from iluvatar_bench.containerd.daemon.place import DATA_HOME, STATE_HOME, Place
from iluvatar_bench.containerd.daemon.watchdog_process import LOCK_SECONDS, REMOVAL_SECONDS
from iluvatar_bench.host.kernel import cgroups, processes
from iluvatar_bench.host.kernel.cgroup_names import all_parents
from iluvatar_bench.host.kernel.mounts import read_mountinfo

REMOVED_SECONDS = LOCK_SECONDS + REMOVAL_SECONDS
"""So long a watchdog is at its work at most; on an idle host it takes one or two."""


def traces_of(place_id: str) -> list[str]:
    """Everything on this host that carries the place's id, and processes with a root in it."""
    place = Place(place_id)
    found = [f"mount {m.mount_point}" for m in read_mountinfo() if place_id in m.mount_point]
    found += [
        str(home / place_id) for home in (STATE_HOME, DATA_HOME) if (home / place_id).exists()
    ]
    found += [
        f"cgroup {parent}"
        for parent in all_parents(place.cgroup)
        if cgroups.members(parent, recursive=True) is not None
    ]
    found += [
        f"process {pid}: {processes.command_line(pid)}"
        for pid in processes.all_pids()
        if any(place_id in argument for argument in processes.command_line(pid))
    ]
    return found + [f"process {pid} in it" for pid in processes.rooted_below(place.root)]


def traces_after(place_id: str, seconds: float = REMOVED_SECONDS) -> list[str]:
    """What is left of it when the time is up, or sooner if nothing is."""
    deadline = time.monotonic() + seconds
    while (left := traces_of(place_id)) and time.monotonic() < deadline:
        # Nothing tells of the last of many things that go, and a look takes processor time.
        time.sleep(0.1)
    return left
