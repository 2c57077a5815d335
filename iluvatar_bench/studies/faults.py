"""Faults made on purpose, to one ready container: what attribution is tested against.

Each takes the container that it befalls. What is sent from here to a process or a shim stands in
the run's Kill log, so that evidence can name the sender.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial

from iluvatar_bench.bugs import Target
from iluvatar_bench.containerd.oci.commit import commit_container, require_whole
from iluvatar_bench.errors import UsageError
from iluvatar_bench.host.kernel import processes
from iluvatar_bench.host.kernel.shims import shim_of
from iluvatar_bench.lifecycle import Container, remove_container
from iluvatar_bench.lifecycle.cgroup_requests import limit_memory, pause_container
from iluvatar_bench.lifecycle.container import open_container
from iluvatar_bench.lifecycle.exec_process import run_in_container

READY_SECONDS = 90.0
"""How long one may take to be ready: what is caused here comes later, also on a busy host."""

LITTLE_MEMORY_BYTES = 96 << 20
"""Two idle functions fit into it, and nothing beside them."""


async def kill_process(container: Container) -> None:
    """SIGKILL to the container's first process, past containerd."""
    assert container.pid is not None
    pid = container.pid
    _signal(container, pid, Target.PROCESS, lambda: processes.parent_of(pid) == container.shim_pid)


async def kill_shim(container: Container) -> None:
    """SIGKILL to the container's shim."""
    find = partial(shim_of, container.node.address, container.id)
    pid = await asyncio.to_thread(find)
    if pid is not None:
        _signal(container, pid, Target.SHIM, lambda: find() == pid)


def _signal(container: Container, pid: int, target: Target, still: Callable[[], bool]) -> None:
    with container.kills.record(
        container.id,
        cgroup=container.cgroup,
        all_processes=False,
        signal=signal.SIGKILL,
        pid=pid,
        target=target,
    ):
        processes.send_signal(pid, signal.SIGKILL, still=still)


async def remove_neighbour(container: Container) -> None:
    """A second container of the same profile, started and removed again, as its profile says.

    Raises:
        ContainerdError: runc 1.2 and later refuse a cgroup that is shared.
    """
    async with open_container(
        f"{container.id}-neighbour",
        node=container.node,
        image=container.image,
        profile=container.profile,
        kills=container.kills,
    ) as neighbour:
        try:
            await neighbour.create()
            await neighbour.start(ready_seconds=READY_SECONDS)
        finally:
            await remove_container(neighbour)


async def pause_neighbour(container: Container, stack: AsyncExitStack) -> None:
    """A second container of the same profile, which is paused, until the stack is closed."""
    await pause_container(await _neighbour(container, stack))


async def update_neighbour(container: Container, stack: AsyncExitStack) -> None:
    """A second container of the same profile, which is given little memory, until the stack is
    closed."""
    await limit_memory(await _neighbour(container, stack), LITTLE_MEMORY_BYTES)


async def _neighbour(container: Container, stack: AsyncExitStack) -> Container:
    neighbour = await stack.enter_async_context(
        open_container(
            f"{container.id}-neighbour",
            node=container.node,
            image=container.image,
            profile=container.profile,
            kills=container.kills,
        )
    )
    stack.push_async_callback(remove_container, neighbour)
    await neighbour.create()
    await neighbour.start(ready_seconds=READY_SECONDS)
    return neighbour


async def use_committed_without_labels(container: Container) -> None:
    """The container's changes as an image whose parts no label holds; used after a collection."""
    client, name = container.node.client, f"{container.id}-committed"
    await commit_container(
        client,
        container.image,
        snapshotter=container.profile.snapshotter,
        snapshot_key=container.snapshot_key,
        name=name,
        labelled=False,
    )
    try:
        await client.leases.force_collection()
        await require_whole(client, name)
    finally:
        await client.images.delete(name)


async def start_absent_program(container: Container) -> None:
    """A further process whose program the image does not have."""
    await run_in_container(container, ["/absent/program"])


async def restart_daemon(container: Container) -> None:
    """A new containerd in the place of the running one.

    Raises:
        UsageError: the containerd is not ours.
    """
    if container.node.restart is None:
        raise UsageError("only a private containerd can be restarted")
    await container.node.restart()
