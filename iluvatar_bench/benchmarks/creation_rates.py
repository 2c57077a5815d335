"""How fast containers are made with so many made at a time: the knee of ``creation_limit``."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from iluvatar_bench.containerd.daemon.private import Node, private_daemon
from iluvatar_bench.containerd.oci.image_import import ImportedImage, import_layout
from iluvatar_bench.errors import UsageError
from iluvatar_bench.functions import build_image, load_function
from iluvatar_bench.host.task_group import task_group
from iluvatar_bench.lifecycle import Container, KillLog, remove_container
from iluvatar_bench.profiles import resolve_profile
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR

PROGRAM = ("python3", "-S", "-E", "-c", "import signal; signal.pause()")
"""A process that does nothing: what is measured is how it is made."""

MOST_CONTAINERS = 200
MOST_LIMIT = 64

_REMOVED_AT_A_TIME = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CreationRate:
    """One round at one limit: containers made a second, and the median wait of each for it, from
    its own Snapshots.Prepare to the answer of its Tasks.Start."""

    limit: int
    round: int
    rate: float
    create_ms: float


async def creation_rates(
    limits: Sequence[int],
    *,
    containers: int,
    rounds: int,
    seed: int = 1,
    on_round: Callable[[CreationRate], None] | None = None,
) -> tuple[CreationRate, ...]:
    """Make ``containers`` at each limit, in each of the rounds, whose limits are shuffled.

    They are all wanted at once, on a private containerd with a quiet collector; removing them is
    not measured.

    Raises:
        UsageError: a number is out of its range, or a limit stands there twice.
        EnvironmentProblem: there can be no containers here.
    """
    if not limits or len(set(limits)) < len(limits):
        raise UsageError("name each limit once, and at least one")
    if not all(1 <= limit <= MOST_LIMIT for limit in limits):
        raise UsageError(f"a limit must be between 1 and {MOST_LIMIT}")
    if not max(limits) <= containers <= MOST_CONTAINERS:
        raise UsageError(
            f"containers must be between the largest limit, {max(limits)}, and {MOST_CONTAINERS}, "
            f"not {containers}"
        )
    if not 2 <= rounds <= 100:
        raise UsageError(f"rounds must be between 2 and 100, not {rounds}")
    built = await asyncio.to_thread(build_image, load_function("hello"))
    source = random.Random(seed)
    found = []
    async with private_daemon(collector=QUIET_COLLECTOR) as node:
        image = replace(
            await import_layout(
                node.client, built.layout, name=built.name, snapshotters=["overlayfs"]
            ),
            args=PROGRAM,
        )
        await _made(node, image, limit=min(limits), containers=2)
        for number in range(rounds):
            for limit in source.sample(list(limits), k=len(limits)):
                rate, create_ms = await _made(node, image, limit=limit, containers=containers)
                one = CreationRate(limit=limit, round=number, rate=rate, create_ms=create_ms)
                found.append(one)
                if on_round is not None:
                    on_round(one)
    return tuple(found)


async def _made(
    node: Node, image: ImportedImage, *, limit: int, containers: int
) -> tuple[float, float]:
    turns = asyncio.Semaphore(limit)
    profile = resolve_profile("guarded", ["collection=quiet"])
    made = [
        Container(
            f"made-{secrets.token_hex(6)}",
            node=node,
            image=image,
            profile=profile,
            kills=KillLog(),
            creations=turns,
        )
        for _ in range(containers)
    ]
    try:
        began = time.perf_counter()
        async with task_group() as group:
            for container in made:
                group.create_task(_make(container))
        seconds = time.perf_counter() - began
        # Before they are removed: their spans grow by that.
        waited_ms = median(_create_ms(container) for container in made)
    finally:
        gate = asyncio.Semaphore(_REMOVED_AT_A_TIME)
        await asyncio.gather(*(_remove(container, gate) for container in made))
    return containers / seconds, waited_ms


async def _make(container: Container) -> None:
    await container.create()
    await container.run()


async def _remove(container: Container, gate: asyncio.Semaphore) -> None:
    async with gate:
        try:
            await remove_container(container)
        finally:
            container.close()


def _create_ms(container: Container) -> float:
    spans = [span for span in container.progress.spans if span.name != "turn"]
    return max(span.ended_ms for span in spans) - min(span.started_ms for span in spans)
