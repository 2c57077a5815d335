"""What is on the daemon now, by name: the one witness of what a fault took."""

from __future__ import annotations

from collections.abc import Iterable

from iluvatar_bench.clients.stored import Stored
from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.values import TaskInfo, TaskState
from iluvatar_bench.errors import NotFound

LIVE = (TaskState.CREATED, TaskState.RUNNING, TaskState.PAUSED, TaskState.PAUSING)


async def missing(client: Client, things: Iterable[Stored]) -> tuple[Stored, ...]:
    """Those that the daemon does not know (any more)."""
    return tuple([thing for thing in things if not await is_there(client, thing)])


async def is_there(client: Client, thing: Stored) -> bool:
    """Whether the daemon knows the thing."""
    under = client.under(thing.namespace)
    if thing.kind == "snapshot":
        return await under.snapshots(thing.snapshotter).exists(thing.name)
    try:
        await under.content.labels(thing.name)
    except NotFound:
        return False
    return True


async def live_tasks(client: Client, namespaces: Iterable[str]) -> dict[tuple[str, str], TaskInfo]:
    """Every task whose process has not ended, by namespace and container."""
    return {
        key: task for key, task in (await tasks(client, namespaces)).items() if task.state in LIVE
    }


async def tasks(client: Client, namespaces: Iterable[str]) -> dict[tuple[str, str], TaskInfo]:
    """Every task, by namespace and container."""
    return {
        (namespace, task.container_id): task
        for namespace in namespaces
        for task in await client.under(namespace).tasks.list()
    }
