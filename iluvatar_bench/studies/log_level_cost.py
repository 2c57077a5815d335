"""What the debug level of a private containerd's log costs: blocks at info and at debug, in turn.

    python -m iluvatar_bench.studies.log_level_cost [PAIRS] [CONTAINERS]

Two private containerds that differ in the level alone, and one client that makes and removes
containers on one of them at a time. Which of a pair comes first is drawn by lot, so that whatever
else the host does falls on both.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Literal

import numpy as np
import psutil

from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage, import_layout
from iluvatar_bench.functions import (
    BuildOptions,
    BuiltImage,
    build_image,
    daemon_with,
    load_function,
)
from iluvatar_bench.host.kernel.listener import listener_at
from iluvatar_bench.lifecycle import KillLog, remove_container
from iluvatar_bench.lifecycle.container import open_container
from iluvatar_bench.profiles import resolve_profile
from iluvatar_bench.studies.observe_cost import mean_difference, processor_seconds

Level = Literal["info", "debug"]
LEVELS: tuple[Level, Level] = ("info", "debug")

CONTAINERS = 20
"""Made and removed in a block, one at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelBlock:
    """One block of containers. Of each: containerd's own processor time, the log's bytes, and how
    long it took on the clock."""

    level: Level
    daemon_ms: float
    log_bytes: float
    container_ms: float


async def measure_levels(
    *, pairs: int = 10, containers: int = CONTAINERS, seed: int = 1
) -> list[LevelBlock]:
    """So many pairs of blocks, each of so many containers.

    Raises:
        EnvironmentProblem: the host lacks something.
    """
    built = await asyncio.to_thread(
        build_image, load_function("hello"), BuildOptions(byte_code=True)
    )
    chance = random.Random(seed)
    blocks: list[LevelBlock] = []
    async with AsyncExitStack() as stack:
        nodes = {level: await _node(stack, built, level) for level in LEVELS}
        for level in LEVELS:
            await _block(*nodes[level], level, containers=5)  # to be warm
        for _ in range(pairs):
            for level in chance.sample(LEVELS, 2):
                blocks.append(await _block(*nodes[level], level, containers=containers))
    return blocks


async def _node(
    stack: AsyncExitStack, built: BuiltImage, level: Level
) -> tuple[Node, ImportedImage]:
    node = await stack.enter_async_context(daemon_with([built], log_level=level))
    image = await import_layout(
        node.client, built.layout, name=built.name, snapshotters=["overlayfs"]
    )
    return node, image


async def _block(node: Node, image: ImportedImage, level: Level, *, containers: int) -> LevelBlock:
    listener = listener_at(node.address)
    assert listener is not None, "the daemon answers"
    assert node.log is not None
    daemon = [psutil.Process(listener.pid)]
    spent, written, began = processor_seconds(daemon), node.log.stat().st_size, time.monotonic()
    for _ in range(containers):
        await _life(node, image)
    return LevelBlock(
        level=level,
        daemon_ms=1000 * (processor_seconds(daemon) - spent) / containers,
        log_bytes=(node.log.stat().st_size - written) / containers,
        container_ms=1000 * (time.monotonic() - began) / containers,
    )


async def _life(node: Node, image: ImportedImage) -> None:
    """A container that is made, is not waited for, and removed, as ``guarded`` does."""
    async with open_container(
        f"level-{node.id[-6:]}-{time.monotonic_ns()}",
        node=node,
        image=image,
        profile=resolve_profile("guarded"),
        kills=KillLog(),
    ) as container:
        try:
            await container.create()
            await container.run()
        finally:
            await remove_container(container)


def levels_text(blocks: list[LevelBlock]) -> str:
    """The figures in a few lines."""
    lines = [
        f"{len(blocks) // 2} pairs of blocks, load {psutil.getloadavg()[0]:.1f} at the end",
    ]
    for name, what in (
        ("daemon_ms", "containerd's processor time a container, ms"),
        ("container_ms", "a container on the clock, ms"),
        ("log_bytes", "bytes of log a container"),
    ):
        info, debug = (
            np.asarray([getattr(block, name) for block in blocks if block.level == level])
            for level in LEVELS
        )
        lines.append(f"{what}: {info.mean():.4g} at info, {mean_difference(debug - info)} at debug")
    return "\n".join(lines)


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    found = asyncio.run(
        measure_levels(
            pairs=given[0] if given else 10,
            containers=given[1] if len(given) > 1 else CONTAINERS,
        )
    )
    sys.stdout.write(levels_text(found) + "\n")
