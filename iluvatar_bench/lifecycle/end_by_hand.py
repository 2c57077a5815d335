"""Ending a process that containerd could not end: it is in no cgroup that its runtime knows."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress

from iluvatar_bench.errors import ContainerdError
from iluvatar_bench.host.kernel import processes
from iluvatar_bench.host.kernel.shims import shim_of
from iluvatar_bench.lifecycle.container import Container

GONE_SECONDS = 5.0
"""How long the kernel may take to end a process, and its shim to say so."""


async def end_by_hand(container: Container) -> str | None:
    """SIGKILL the container's first process and delete its task, where it lives on.

    The kernel ends all that is in its PID namespace with it. The process is the one that was
    created if its parent is the container's own shim.

    Returns:
        what was done, in words; None where there was nothing to do.
    """
    pid = container.pid
    if pid is None or not processes.is_alive(pid):
        return None
    shim = await asyncio.to_thread(shim_of, container.node.address, container.id)
    if shim is None:
        return None
    with container.kills.record(
        container.id,
        cgroup=container.cgroup,
        all_processes=False,
        signal=signal.SIGKILL,
        pid=pid,
    ):
        try:
            processes.send_signal(
                pid, signal.SIGKILL, still=lambda: processes.parent_of(pid) == shim
            )
        except ProcessLookupError:
            return None
    if container.exited is not None:
        await asyncio.wait((container.exited,), timeout=GONE_SECONDS)
    # The error that brought us here is the one to tell.
    with suppress(ContainerdError):
        await container.node.client.tasks.delete(container.id)
    return f"its process {pid} was ended by a signal from outside"
