"""The end of containers in good order, by a containerd that answers."""

from __future__ import annotations

import asyncio
import logging
import signal
from pathlib import Path

from pydantic import TypeAdapter

from iluvatar_bench.containerd.client import Client, connect
from iluvatar_bench.containerd.daemon.place import PLACE_LABEL, Place
from iluvatar_bench.containerd.daemon.teardown import remove_empty_homes, remove_runc_folder
from iluvatar_bench.containerd.values import ExitStatus
from iluvatar_bench.errors import (
    ContainerdError,
    DaemonFault,
    FailedPrecondition,
    NotFound,
    UnusablePath,
)
from iluvatar_bench.host.task_group import task_group

log = logging.getLogger(__name__)

_EXIT_SECONDS = 10.0

_GUEST_OF = TypeAdapter(tuple[str, str])
"""Socket and namespace; a process that was killed as it wrote them left less."""


async def end_tasks(client: Client, place_id: str | None = None) -> int:
    """Kill, await and delete every task of the client's namespace, and the records of them.

    With ``place_id`` only those containers that carry it as their label. Returns how many
    containers there were.
    """
    records = await client.containers.list()
    chosen = [r for r in records if place_id is None or r.labels.get(PLACE_LABEL) == place_id]
    async with task_group() as group:
        for record in chosen:
            group.create_task(_end_one(client, record.id, record.snapshotter, record.snapshot_key))
    return len(chosen)


async def end_every_task(client: Client) -> None:
    """The same in every namespace of a daemon that is wholly ours, whoever made the containers."""
    for namespace in await client.namespaces.list():
        if await end_tasks(client.under(namespace)):
            remove_empty_homes(namespace)


async def end_guests(place: Place) -> list[str]:
    """End what an abandoned place runs on a containerd that is not ours; nothing else on it.

    Returns what could not be ended, with the reason.
    """
    try:
        address, namespace = _GUEST_OF.validate_json(place.guest_of.read_bytes())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is torn"
        return [
            f"containers of {place.id}: {place.guest_of} cannot be read ({reason}); end those with "
            f"the label {PLACE_LABEL}={place.id} on the containerd that they were started on"
        ]
    try:
        async with connect(Path(address), namespace=namespace) as client:
            await end_tasks(client, place.id)
        remove_runc_folder(namespace)
    except (ContainerdError, UnusablePath) as error:
        return [f"containers on {address}: {error}"]
    return []


async def _end_one(client: Client, container_id: str, snapshotter: str, snapshot_key: str) -> None:
    try:
        await end_container_task(client, container_id, all_processes=True)
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


async def end_container_task(client: Client, container_id: str, *, all_processes: bool) -> None:
    """Kill a task, await its end for a while, and delete it.

    ``all_processes``: every process of its cgroup, or its first one alone, where the cgroup may be
    others' too.

    Raises:
        NotFound: there is no such task.
        ContainerdError: it cannot be deleted.
    """
    exit_seen = asyncio.create_task(client.tasks.wait_exit(container_id))
    try:
        # The cgroup's processes first. One that never joined it is reached by its number alone.
        for every in (True, False) if all_processes else (False,):
            if await _kill_and_await(client, container_id, exit_seen, all_processes=every):
                break
    finally:
        exit_seen.cancel()
        await asyncio.gather(exit_seen, return_exceptions=True)
    await client.tasks.delete(container_id)


async def _kill_and_await(
    client: Client, container_id: str, exit_seen: asyncio.Task[ExitStatus], *, all_processes: bool
) -> bool:
    """Whether there is nothing more to kill."""
    try:
        await client.tasks.kill(container_id, signal=signal.SIGKILL, all_processes=all_processes)
        async with asyncio.timeout(_EXIT_SECONDS):
            await asyncio.shield(exit_seen)
    except (NotFound, FailedPrecondition):
        # It had ended already, or was created and never started: deleting is what is left.
        return True
    except (DaemonFault, TimeoutError):
        return False
    return True
