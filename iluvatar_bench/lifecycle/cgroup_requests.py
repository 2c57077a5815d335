"""Pausing, resuming and limiting a container that runs: what reaches its whole cgroup."""

from __future__ import annotations

from iluvatar_bench.bugs import CgroupAction
from iluvatar_bench.lifecycle.container import Container


async def pause_container(container: Container) -> None:
    """Freeze the container until it is resumed: with it whoever shares its cgroup.

    Raises:
        ContainerdError: containerd refused, as where a neighbour's pause has frozen it already.
    """
    container.progress.begin("pause")
    with container.progress.span("pause"):
        await container.node.client.tasks.pause(container.id)
    container.progress.paused = True
    _note(container, CgroupAction.PAUSE)


async def resume_container(container: Container) -> None:
    """Let a container that was paused go on: with it whoever shares its cgroup.

    Raises:
        ContainerdError: containerd refused, as where a neighbour's removal has thawed it already.
    """
    container.progress.begin("resume")
    # Also where it is refused: the runtime refuses what is not paused.
    container.progress.paused = False
    with container.progress.span("resume"):
        await container.node.client.tasks.resume(container.id)
    _note(container, CgroupAction.RESUME)


async def limit_memory(container: Container, limit_bytes: int) -> None:
    """Give the container another memory limit: with it whoever shares its cgroup.

    Raises:
        ContainerdError: containerd refused, as where more is in use already.
    """
    await container.node.client.tasks.update(container.id, {"memory": {"limit": limit_bytes}})
    container.memory_limit_bytes = limit_bytes
    _note(container, CgroupAction.UPDATE, limit_bytes)


def _note(container: Container, action: CgroupAction, limit_bytes: int | None = None) -> None:
    container.kills.cgroups.note(
        container.id, cgroup=container.cgroup, action=action, memory_limit_bytes=limit_bytes
    )
