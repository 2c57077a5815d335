"""Taking apart what a private containerd made: tasks in order, then whatever is left by its path.

Nothing here looks for "containerd things": only for this place's socket, folders and cgroup.
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import signal
from pathlib import Path

from iluvatar_bench.containerd.client import Client, connect
from iluvatar_bench.containerd.daemon.place import DATA_HOME, STATE_HOME, Place
from iluvatar_bench.containerd.daemon.versions import shim_socket
from iluvatar_bench.errors import (
    ContainerdError,
    DaemonFault,
    FailedPrecondition,
    NotFound,
    UnusablePath,
)
from iluvatar_bench.host.kernel import cgroups, mounts, processes
from iluvatar_bench.host.kernel.cgroup_names import all_parents
from iluvatar_bench.host.kernel.shims import shim_processes

log = logging.getLogger(__name__)

PLACE_LABEL = "iluvatar-bench/place"
"""Label of every container record: the id of the place that made it."""


RUNC_HOME = Path("/run/containerd/runc")
"""Where the shim lets runc keep its state unless it is told otherwise."""


async def end_tasks(client: Client, place_id: str | None = None) -> None:
    """Kill, await and delete every task of the client's namespace, and the records of them.

    With ``place_id`` only those containers that carry it as their label.
    """
    records = await client.containers.list()
    chosen = [r for r in records if place_id is None or r.labels.get(PLACE_LABEL) == place_id]
    async with asyncio.TaskGroup() as group:
        for record in chosen:
            group.create_task(_end_one(client, record.id, record.snapshotter, record.snapshot_key))


def remove_runc_folder(namespace: str) -> None:
    """Remove the folder that runc made for our namespace, unless somebody's state is in it."""
    try:
        (RUNC_HOME / namespace).rmdir()
    except OSError as error:
        log.debug("%s", error)


async def end_guests(place: Place) -> list[str]:
    """End what an abandoned place runs on a containerd that is not ours; nothing else on it.

    Returns what could not be ended, with the reason.
    """
    if not place.guest_of.exists():
        return []
    address, namespace = json.loads(place.guest_of.read_text())
    try:
        async with connect(Path(address), namespace=namespace) as client:
            await end_tasks(client, place.id)
        remove_runc_folder(namespace)
    except (ContainerdError, UnusablePath) as error:
        return [f"containers on {address}: {error}"]
    return []


async def _end_one(client: Client, container_id: str, snapshotter: str, snapshot_key: str) -> None:
    try:
        await _end_task(client, container_id)
    except NotFound:
        pass
    except ContainerdError as error:
        log.warning("%s", error)
    try:
        if snapshot_key:
            await client.snapshots(snapshotter).remove(snapshot_key)
    except NotFound:
        pass
    except ContainerdError as error:
        log.warning("%s", error)
    try:
        await client.containers.delete(container_id)
    except NotFound:
        pass
    except ContainerdError as error:
        log.warning("%s", error)


async def _end_task(client: Client, container_id: str) -> None:
    exit_seen = asyncio.create_task(client.tasks.wait_exit(container_id))
    try:
        await client.tasks.kill(container_id, signal=signal.SIGKILL, all_processes=True)
        async with asyncio.timeout(10):
            await exit_seen
    except (NotFound, FailedPrecondition, DaemonFault, TimeoutError):
        # It had ended already, or was created and never started: deleting is what is left.
        pass
    finally:
        exit_seen.cancel()
        await asyncio.gather(exit_seen, return_exceptions=True)
    await client.tasks.delete(container_id)


def remove_place(place: Place) -> list[str]:
    """Remove what is left of a place: shims, processes, mounts, cgroups, folders.

    Safe to repeat. Returns what could not be removed, with the reason.
    """
    left = []
    shim_sockets = _shim_sockets(place)
    left += [f"process {pid}" for pid in processes.end(_daemon_and_shims(place))]
    parents = all_parents(place.cgroup)
    for parent in parents:
        in_cgroup = cgroups.members(parent, recursive=True) or frozenset()
        left += [f"process {pid}" for pid in processes.end(in_cgroup)]
    for socket in shim_sockets:
        socket.unlink(missing_ok=True)
    for directory in (place.state, place.root):
        left += mounts.unmount_below(directory)
    # The state goes last: it has the lock, and data without a state looks abandoned to others.
    for directory in (place.root, place.state):
        if not mounts.mounts_below(directory):
            left += _remove_folder(directory)
    for parent in parents:
        left += cgroups.remove_tree(parent)
        # The one that all places share.
        cgroups.remove_if_empty(str(Path(parent).parent))
    for home in (STATE_HOME, DATA_HOME):
        try:
            home.rmdir()
        except OSError:
            # Another place is in use: its owner removes the folder.
            continue
    return left


def _daemon_and_shims(place: Place) -> tuple[int, ...]:
    """The place's own daemon, where its owner was killed, and its shims."""
    wanted = str(place.config)
    daemons = tuple(
        pid
        for pid in processes.all_pids()
        if processes.command_line(pid)[1:] == ("--config", wanted)
    )
    # The daemon first: it would start nothing new, but it would report every lost shim.
    return daemons + shim_processes(place.socket)


def _shim_sockets(place: Place) -> list[Path]:
    """Sockets of shims that are still up; they live outside the place, in containerd's folder."""
    bundles = place.daemon_state.glob("io.containerd.runtime.v2.task/*/*")
    return [found for bundle in bundles if (found := shim_socket(bundle)) is not None]


def _remove_folder(directory: Path) -> list[str]:
    problems: list[str] = []

    def note(_function: object, path: str, error: object) -> None:
        detail = error[1] if isinstance(error, tuple) else error
        if not isinstance(detail, FileNotFoundError):
            problems.append(f"{path}: {detail}")

    shutil.rmtree(directory, onerror=note)
    return problems
