"""Five hundred containers, as fast as the host makes them: none missed, none counted twice."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from pathlib import Path

import psutil
import pytest

from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.runs import open_run
from tests.audit.clients import RawWorker
from tests.observe.observing import Observing, observing

pytestmark = [pytest.mark.daemon, pytest.mark.slow]

PHASES, EACH, AT_A_TIME = 5, 100, 4
THROUGH = 3
"""Containers that live through each restart of the daemon."""


async def live(worker: RawWorker, names: list[str]) -> None:
    """Create and remove containers, some at a time."""
    waiting = asyncio.Semaphore(AT_A_TIME)

    async def one(name: str) -> None:
        async with waiting:
            await worker.create(name)
            await worker.remove(name)

    await asyncio.gather(*map(one, names))


async def test_five_hundred_and_two_restarts(
    quiet_node: Node, image: ImportedImage, tmp_path: Path
) -> None:
    """The daemon is restarted after the second and the fourth hundred, with containers alive."""
    node = quiet_node
    assert node.restart is not None
    worker = RawWorker(node=node, image=image, named_snapshot=True, own_cgroup=True)
    made: list[str] = []
    async with observing(node.address, tmp_path / "observed") as watching:
        for phase in range(PHASES):
            names = [f"c-{phase}-{number}" for number in range(EACH)]
            through = [f"through-{phase}-{number}" for number in range(THROUGH)]
            for name in through:
                await worker.create(name)
            await live(worker, names)
            made += [*names, *through]
            if phase in (1, 3):
                # What is told late by a busy host is told by now: the gap is about nobody.
                await watching.wait_for("trial", len(made) - THROUGH)
                await node.restart()
            for name in through:
                await worker.remove(name)
            await watching.wait_for("trial", len(made))
        rss = rss_of(watching)
        end = await watching.end()
    assert end["outcomes"] == {"ok": len(made), "failed": 0, "unknown": 0}
    assert sorted(watching.trials) == sorted(made)
    run = open_run(tmp_path / "observed")
    assert Counter(run.trials["container_id"]).most_common(1)[0][1] == 1
    assert len(run.manifest["event_gaps"]) == 2
    assert rss < 150 * 1024**2


def rss_of(watching: Observing) -> int:
    """The memory of the observer and of the reader beside it."""
    own = psutil.Process(watching.process.pid)
    assert own.pid != os.getpid()
    return sum(one.memory_info().rss for one in (own, *own.children(recursive=True)))
