"""Faults made on purpose, to one ready container: what attribution is tested against.

Each takes the container that it befalls. What is sent from here to a process or a shim stands in
the run's Kill log, so that evidence can name the sender.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from functools import partial

from iluvatar_bench.bugs import Target
from iluvatar_bench.errors import UsageError
from iluvatar_bench.host.kernel import processes
from iluvatar_bench.host.kernel.shims import shim_of
from iluvatar_bench.lifecycle import Container, remove_container
from iluvatar_bench.lifecycle.container import open_container

READY_SECONDS = 90.0
"""How long one may take to be ready: what is caused here comes later, also on a busy host."""


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


async def restart_daemon(container: Container) -> None:
    """A new containerd in the place of the running one.

    Raises:
        UsageError: the containerd is not ours.
    """
    if container.node.restart is None:
        raise UsageError("only a private containerd can be restarted")
    await container.node.restart()
