"""Faults that this client is not the cause of: strangers' signals, a neighbour's, want of memory.

What a stranger sends is sent by a process of its own, and stands in no log of ours.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.errors import StepTimedOut
from iluvatar_bench.host.kernel import cgroups, processes
from iluvatar_bench.lifecycle import Container, remove_container
from iluvatar_bench.lifecycle.container import open_container

UNDER_WAY_SECONDS = 1.0
"""How long a neighbour's Kill is under way before the stranger comes: a good part of the time that
is looked back on."""

_END_SECONDS = 20.0

_STRANGER = """
import os, sys
for number, pid in zip(sys.argv[1::2], sys.argv[2::2]):
    try:
        os.kill(int(pid), int(number))
    except ProcessLookupError:
        pass
"""

_HOG = "held = []\nwhile True:\n    held.append(bytearray(1 << 20))\n"
"""Takes memory until the cgroup's limit, as fast as it can."""


@asynccontextmanager
async def _started(container: Container, image: ImportedImage) -> AsyncIterator[Container]:
    """A second container of the same profile, started; the caller's to remove."""
    async with open_container(
        f"{container.id}-neighbour",
        node=container.node,
        image=image,
        profile=container.profile,
        kills=container.kills,
    ) as neighbour:
        try:
            await neighbour.create()
            await container.node.client.tasks.start(neighbour.id)
        except BaseException:
            await remove_container(neighbour)
            raise
        yield neighbour


@asynccontextmanager
async def _neighbour(container: Container, image: ImportedImage) -> AsyncIterator[Container]:
    """The same, removed at the end as its profile says."""
    async with _started(container, image) as neighbour:
        try:
            yield neighbour
        finally:
            await remove_container(neighbour)


async def _stranger(container: Container, *signals: tuple[signal.Signals, int]) -> None:
    """Another program sends the signals, each to its process, and ends."""
    # The container's process waits for its shim: until that one has it the number is nobody else's.
    assert container.pid is not None
    if processes.parent_of(container.pid) != container.shim_pid:
        raise StepTimedOut(
            f"container {container.id} had ended before the stranger came",
            container_id=container.id,
        )
    words = [str(int(part)) for pair in signals for part in pair]
    stranger = await asyncio.create_subprocess_exec(sys.executable, "-S", "-c", _STRANGER, *words)
    await stranger.wait()


async def _wait_ended(container: Container) -> None:
    assert container.exited is not None
    done, _ = await asyncio.wait((container.exited,), timeout=_END_SECONDS)
    if not done:
        raise StepTimedOut(f"container {container.id} did not end", container_id=container.id)


async def stranger_amid_kills(container: Container) -> None:
    """A stranger's SIGKILL while a neighbour's Kill(all) is under way, and before it does anything.

    The Kill hangs because the shim of the neighbour is stopped, as on a host short of everything.
    """
    assert container.pid is not None
    async with _started(container, container.image) as neighbour:
        _to_shim(neighbour, signal.SIGSTOP)
        removal = asyncio.create_task(remove_container(neighbour))
        try:
            await asyncio.sleep(UNDER_WAY_SECONDS)
            await _stranger(container, (signal.SIGKILL, container.pid))
            await _wait_ended(container)
        finally:
            _to_shim(neighbour, signal.SIGCONT)
            await removal


def _to_shim(container: Container, number: signal.Signals) -> None:
    pid = container.shim_pid
    assert pid is not None
    assert container.pid is not None
    made = container.pid
    processes.send_signal(pid, number, still=lambda: processes.parent_of(made) == pid)


async def neighbour_out_of_memory(container: Container) -> None:
    """A neighbour in the same cgroup takes all its memory; then a stranger's SIGKILL."""
    assert container.pid is not None
    program = container.image.args[0]
    hog = replace(container.image, args=(program, "-c", _HOG))
    async with _neighbour(container, hog) as neighbour:
        await _wait_ended(neighbour)
        await _stranger(container, (signal.SIGKILL, container.pid))
        await _wait_ended(container)


async def signals_to_cgroup(container: Container) -> None:
    """SIGTERM, then SIGKILL, to every process of the cgroup, as ``systemctl kill`` does."""
    members: Sequence[int] = sorted(cgroups.members(container.cgroup) or ())
    pairs = [(number, pid) for number in (signal.SIGTERM, signal.SIGKILL) for pid in members]
    await _stranger(container, *pairs)


async def terminate_neighbour(container: Container) -> None:
    """SIGTERM to a neighbour in the same cgroup, by Tasks.Kill with all=true."""
    async with _neighbour(container, container.image) as neighbour:
        with container.kills.record(
            neighbour.id, cgroup=neighbour.cgroup, all_processes=True, signal=signal.SIGTERM
        ):
            await container.node.client.tasks.kill(
                neighbour.id, signal=signal.SIGTERM, all_processes=True
            )
        await _wait_ended(container)
