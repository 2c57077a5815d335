"""Faults made on purpose, to one ready container: what attribution is tested against.

Each takes the container that it befalls. What is sent from here to a process or a shim stands in
the run's Kill log, so that evidence can name the sender.
"""

from __future__ import annotations

import asyncio
import signal

from iluvatar_bench.bugs import Target
from iluvatar_bench.errors import UsageError
from iluvatar_bench.host.kernel import processes
from iluvatar_bench.host.kernel.shims import shim_of
from iluvatar_bench.lifecycle import Container, remove_container
from iluvatar_bench.lifecycle.container import open_container


async def kill_process(container: Container) -> None:
    """SIGKILL to the container's first process, past containerd."""
    assert container.pid is not None
    _signal(container, container.pid, Target.PROCESS)


async def kill_shim(container: Container) -> None:
    """SIGKILL to the container's shim."""
    pid = await asyncio.to_thread(shim_of, container.node.address, container.id)
    if pid is not None:
        _signal(container, pid, Target.SHIM)


def _signal(container: Container, pid: int, target: Target) -> None:
    with container.kills.record(
        container.id,
        cgroup=container.cgroup,
        all_processes=False,
        signal=signal.SIGKILL,
        pid=pid,
        target=target,
    ):
        processes.send_signal(pid, signal.SIGKILL)


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
            await neighbour.start()
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
