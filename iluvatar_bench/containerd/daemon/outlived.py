"""What outlives a place whose folders are gone: processes in its snapshots, systemd's slices."""

from __future__ import annotations

import os
import re

from iluvatar_bench.containerd.daemon.place import DATA_HOME, Place
from iluvatar_bench.containerd.daemon.teardown import remove_shared
from iluvatar_bench.host.kernel import processes, systemd_units
from iluvatar_bench.host.kernel.cgroup_names import slice_unit
from iluvatar_bench.host.kernel.mounts import read_mountinfo

_ROOT_OF_PLACE = re.compile(rf"/{DATA_HOME.name}/(?P<place>[0-9a-f]{{8}})/r/")
"""In mountinfo, a path below the root of a place's containerd."""


def remove_outlived() -> tuple[list[str], list[str]]:
    """End what runs in, and stop what was made for, places that do not exist any more.

    Returns:
        what was removed, and what could not be, with the reason.
    """
    removed, left = [], []
    found = _processes_of_gone_places()
    if found:
        stuck = processes.end(_processes_of_gone_places)
        removed += [f"process {pid}" for pid in found if pid not in stuck]
        left += [f"process {pid}" for pid in stuck]
    try:
        slices = systemd_units.places_of_slices(systemd_units.loaded_units())
    except OSError as error:
        return removed, [*left, f"systemd's units: {error}"]
    for place in filter(_is_gone, map(Place, slices)):
        name = slice_unit(place.cgroup)
        problems = systemd_units.stop_slice(name)
        left += problems
        removed += [] if problems else [name]
    return removed, left + (remove_shared() if slices else [])


def _processes_of_gone_places() -> tuple[int, ...]:
    return tuple(
        pid
        for pid in processes.all_pids()
        if not processes.shares_our_mounts(pid)
        for entry in read_mountinfo(pid)
        if entry.mount_point == "/"
        and (found := _ROOT_OF_PLACE.search(entry.line)) is not None
        and _is_gone(Place(found["place"]))
    )


def _is_gone(place: Place) -> bool:
    """Its owner makes the state before anything runs, and removes it after everything else.

    Whoever has a /run of its own, as in a container, does not see the folders of those outside:
    these are told by their processes. Its containerd, each shim and the watchdog name their place,
    and one of them is there as long as anybody is to clean up.
    """
    return not (place.state.exists() or place.data.exists() or _is_named(place))


def _is_named(place: Place) -> bool:
    own = os.getpid()
    return any(
        place.id in argument
        for pid in processes.all_pids()
        if pid != own
        for argument in processes.command_line(pid)
    )
