"""Taking apart what a private containerd made, by its paths: what has to work without the daemon.

Nothing here looks for "containerd things": only for this place's socket, folders and cgroup.
"""

from __future__ import annotations

import glob
import logging
import shutil
from collections.abc import Iterable
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

from iluvatar_bench.containerd.daemon.place import DATA_HOME, STATE_HOME, Place, any_place
from iluvatar_bench.containerd.daemon.versions import shim_socket
from iluvatar_bench.host.bounded_files import copy_kept
from iluvatar_bench.host.kernel import cgroups, mounts, processes
from iluvatar_bench.host.kernel.cgroup_names import TOP_SLICE, all_parents, slice_path, slice_unit
from iluvatar_bench.host.kernel.descendants import end_held, held_descendants
from iluvatar_bench.host.kernel.shims import shim_processes
from iluvatar_bench.host.kernel.systemd_units import stop_slice, stop_top_slice
from iluvatar_bench.host.kernel.thin_pool import remove_pool

log = logging.getLogger(__name__)

_LOOKS = 20
"""How often a teardown looks for processes that were started while it was killing others."""

_RUNTIME_OPTIONS = ("--bundle", "--log")
"""By these a shim tells the OCI runtime of the container's bundle."""

RUNC_HOME = Path("/run/containerd/runc")
"""Where the shim lets runc keep its state unless it is told otherwise."""


def clear_place(place: Place, *, log_path: Path | None = None) -> list[str]:
    """Remove what is left of a place, then keep its log at ``log_path``.

    In this order: a full disk must not keep the place from going, and its going makes room.

    Returns:
        what could not be done, with the reason.
    """
    with ExitStack() as stack:
        source = None
        if log_path is not None:
            try:
                source = stack.enter_context(place.log.open("rb"))
            except FileNotFoundError:
                # The daemon was never started.
                pass
        left = remove_place(place)
        if source is not None and log_path is not None:
            try:
                copy_kept(source.fileno(), log_path)
            except OSError as error:
                left.append(f"the log of {place.id}, to be kept as {log_path}: {error.strerror}")
    return left


def remove_place(place: Place) -> list[str]:
    """Remove what is left of a place: shims, processes, mounts, devices, cgroups, folders.

    Safe to repeat. Returns what could not be removed, with the reason.
    """
    left = []
    shim_sockets = _shim_sockets(place)
    bundles = _bundles(place)
    left += _end_processes(place)
    for socket in shim_sockets:
        socket.unlink(missing_ok=True)
    for directory in (place.state, place.data):
        left += mounts.unmount_below(directory)
    disks = place.thin_pool_home
    devices = remove_pool(place.thin_pool, disks) if disks.is_dir() else []
    left += devices
    for bundle in bundles:
        _remove_traces_of_other_clients(place, bundle)
    if cgroups.members(slice_path(place.cgroup)) is not None:
        left += stop_slice(slice_unit(place.cgroup))
    for parent in all_parents(place.cgroup):
        left += cgroups.remove_tree(parent)
    # The state goes last: it has the lock, and data without a state looks abandoned to others.
    # Data that devices stand on stay, to be found again.
    for directory in (place.state,) if devices else (place.data, place.state):
        if not mounts.mounts_below(directory):
            left += _remove_folder(directory)
    return left + remove_shared()


def remove_shared() -> list[str]:
    """Remove what all places of the host share, where the last of them has gone.

    A place has its own cgroup below the shared one from its beginning on (``own_place``), and so
    nobody removes that one while a runtime makes something below it. Of slices systemd and the
    runtime are the makers, whenever they are told: as long as any place is there, they stay.

    Returns:
        what could not be removed, with the reason.
    """
    left = []
    cgroups.remove_if_empty(cgroups.PARENT)
    if cgroups.members(f"/{TOP_SLICE}") is not None and not any_place():
        left += stop_top_slice()
        cgroups.remove_if_empty(f"/{TOP_SLICE}")
    for home in (STATE_HOME, DATA_HOME):
        try:
            home.rmdir()
        except OSError:
            # Another place is in use: its owner removes the folder.
            continue
    return left


def _end_processes(place: Place) -> list[str]:
    """Kill the daemon, its helpers and its containers, until none is left.

    One that was about to start another when it was looked for has started it by the time it is
    killed; what such a one has started is found at the next look.
    """

    def find() -> Iterable[int]:
        return _daemon_and_helpers(place) or _container_processes(place)

    # A container that never joined its cgroup is found below its shim, as long as that lives.
    with held_descendants(shim_processes(place.socket)) as below:
        for _ in range(_LOOKS):
            if not find():
                break
            stuck = processes.end(find)
            if stuck:
                return [f"process {pid}" for pid in stuck]
        return [f"process {pid}" for pid in (*end_held(below), *_container_processes(place))]


def _daemon_and_helpers(place: Place) -> tuple[int, ...]:
    """The place's own daemon, where its owner was killed, its shims, and the runtime in action."""
    config, bundles = str(place.config), f"{place.daemon_state}/"
    daemons, runtimes = [], []
    for pid in processes.all_pids():
        arguments = processes.command_line(pid)
        if arguments[1:] == ("--config", config):
            daemons.append(pid)
        elif any(o in _RUNTIME_OPTIONS and v.startswith(bundles) for o, v in pairwise(arguments)):
            runtimes.append(pid)
    # The daemon first: it would start nothing new, but it would report every lost shim.
    return (*daemons, *shim_processes(place.socket), *runtimes)


def _container_processes(place: Place) -> frozenset[int]:
    """By cgroup, and by root file system where another client has chosen the cgroup."""
    found = frozenset(processes.rooted_below(place.root))
    for parent in all_parents(place.cgroup):
        found |= cgroups.members(parent, recursive=True) or frozenset()
    return found


def _bundles(place: Place) -> list[Path]:
    """A folder for each container that has a task: ``<namespace>/<id>``."""
    home = place.daemon_state / "io.containerd.runtime.v2.task"
    # Not Path.glob, which fails where a folder goes away while it looks: a watchdog and `clean` may
    # be at the same work.
    return sorted(home / found for found in glob.glob("*/*", root_dir=home))  # noqa: PTH207


def _remove_traces_of_other_clients(place: Place, bundle: Path) -> None:
    """What ``ctr`` and others let runc keep outside the place: its state, and an empty cgroup.

    A private daemon is used by hand as well (``daemon start``), and these clients do not say where.
    """
    namespace, container_id = bundle.parts[-2:]
    state = RUNC_HOME / namespace / container_id
    try:
        if f"{place.daemon_state}/" in (state / "state.json").read_text():
            shutil.rmtree(state, ignore_errors=True)
    except FileNotFoundError:
        pass
    # Only what is empty goes, and only by the name that these clients give: /<namespace>/<id>.
    cgroups.remove_if_empty(f"/{namespace}/{container_id}")
    remove_empty_homes(namespace)


def remove_empty_homes(namespace: str) -> None:
    """Remove what ``ctr`` and others share by a namespace's name, where nothing is in it."""
    remove_runc_folder(namespace)
    cgroups.remove_if_empty(f"/{namespace}")


def _shim_sockets(place: Place) -> list[Path]:
    """Sockets of shims that are still up.

    Up to containerd 2.2 they live outside the place, in ``/run/containerd/s``; from 2.3 on in the
    daemon's own state (containerd, pkg/shim/util_unix.go, d806373).
    """
    return [found for b in _bundles(place) if (found := shim_socket(b)) is not None]


def _remove_folder(directory: Path) -> list[str]:
    problems: list[str] = []

    def note(_function: object, path: str, error: object) -> None:
        detail = error[1] if isinstance(error, tuple) else error
        if not isinstance(detail, FileNotFoundError):
            problems.append(f"{path}: {detail}")

    shutil.rmtree(directory, onerror=note)
    return problems


def remove_runc_folder(namespace: str) -> None:
    """Remove the folder that runc made for our namespace, unless somebody's state is in it."""
    try:
        (RUNC_HOME / namespace).rmdir()
    except OSError as error:
        log.debug("%s", error)
