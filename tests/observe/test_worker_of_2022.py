"""A worker with the habits of 2022 at full load: its own account beside the observer's."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from iluvatar_bench.bugs import classify_text
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import import_layout
from iluvatar_bench.errors import ContainerdError, DaemonFault, NotFound
from iluvatar_bench.functions import BuiltImage, daemon_with
from tests.audit.clients import RawWorker
from tests.observe.observing import observing

pytestmark = [pytest.mark.daemon, pytest.mark.slow]

CONTAINERS, AT_A_TIME = 80, 4
STARTING = ("python3", "-uc", "import csv, json; print('up'); import time; time.sleep(600)")
HOLD_SECONDS = 0.5


class Worker:
    """Makes and removes containers one by one, and notes what became of each."""

    def __init__(self, node: Node, raw: RawWorker) -> None:
        self.node = node
        self.raw = raw
        self.account: dict[str, str] = {}

    async def live(self, name: str) -> None:
        """One container: what its worker can know of it."""
        client = self.node.client
        try:
            await self.raw.create(name)
        except ContainerdError as error:
            self.account[name] = str(classify_text(str(error)).bug_class)
            await self._forget(name)
            return
        ended = asyncio.ensure_future(client.tasks.wait_exit(name))
        await asyncio.wait((ended,), timeout=HOLD_SECONDS)
        if ended.done():
            # It polls: the dead one is found some moments later.
            await asyncio.sleep(HOLD_SECONDS)
            self.account[name] = f"ended {ended.result().status}"
            await self._forget(name)
            return
        try:
            await client.tasks.kill(name, signal=9, all_processes=True)
            self.account[name] = "killed"
        except ContainerdError:
            # It had ended, or its cgroup went away under the runtime.
            self.account[name] = "ended about the kill"
        await asyncio.wait((ended,), timeout=5)
        if not ended.done():
            await client.tasks.kill(name, signal=9, all_processes=False)
            await ended
        await self._forget(name)

    async def _forget(self, name: str) -> None:
        """Delete task and record; as in 2022 it asks again while the task cannot be deleted."""
        client = self.node.client
        async with asyncio.timeout(10):
            while True:
                try:
                    await client.tasks.delete(name)
                except NotFound:
                    break
                except DaemonFault:
                    await asyncio.sleep(0.05)
                else:
                    break
        await client.containers.delete(name)


async def test_both_accounts_agree(hello: BuiltImage, tmp_path: Path) -> None:
    """Of a container that died as its own worker killed it both may be right: it is left out."""
    async with daemon_with([hello]) as node:
        image = await import_layout(
            node.client, hello.layout, name=hello.name, snapshotters=["overlayfs"]
        )
        worker = Worker(node, RawWorker(node=node, image=image, args=STARTING))
        waiting = asyncio.Semaphore(AT_A_TIME)

        async def one(name: str) -> None:
            async with waiting:
                await worker.live(name)

        async with observing(node.address, tmp_path / "observed") as watching:
            names = [f"hello-{number}" for number in range(CONTAINERS)]
            await asyncio.gather(*map(one, names))
            await watching.wait_for("trial", CONTAINERS, seconds=120)
            await watching.end()
    told = watching.trials
    assert sorted(told) == sorted(names)
    pairs = {
        (
            worker.account[name],
            *(told[name][what] for what in ("outcome", "bug_class", "mechanism")),
        )
        for name in names
    }
    assert {pair for pair in pairs if not agree(*pair)} == set()
    failed = Counter(told[name]["bug_class"] for name in names)
    assert failed["missing_packages"] + failed["snapshot_overlay"] >= 5
    assert failed["process_died"] + failed["silent_startup"] >= 5


def agree(account: str, outcome: str, bug_class: str | None, mechanism: str | None) -> bool:
    """Whether what the observer tells can be, by what the worker knows.

    A container that its worker killed may have been ended by a neighbour's Kill some moments
    before: the worker cannot know.
    """
    collateral = (outcome, mechanism) == ("failed", "collateral_kill")
    match account:
        case "killed":
            return outcome == "ok" or collateral
        case "ended 137" | "ended about the kill" | "silent_startup":
            return collateral
        case "ended 1":
            return (bug_class, mechanism) == ("missing_packages", "snapshot_collected")
        case "snapshot_overlay":
            found = (bug_class, mechanism) == ("snapshot_overlay", "snapshot_collected")
            return found or (bug_class, mechanism) == ("unclassified", "unknown")
        case "create_rejected":
            told = bug_class in ("create_rejected", "unclassified")
            return told and mechanism in ("unknown", "collateral_kill")
    return False
