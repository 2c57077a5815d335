"""Another client's doings on a real containerd: told by the kernel's record from our own."""

from __future__ import annotations

import asyncio
import time

import pytest

from iluvatar_bench.bugs import BugClass, Evidence, Mechanism, attribute
from iluvatar_bench.containerd.client import NAMESPACE
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.lifecycle import KillLog, remove_container
from iluvatar_bench.lifecycle.container import open_container
from iluvatar_bench.monitor import open_monitor, open_witness, who_listens
from iluvatar_bench.profiles import PRESETS
from iluvatar_bench.runs.failing import Before
from iluvatar_bench.runs.trial import Setting, collect_evidence
from tests.support.witnesses import needs_witness

pytestmark = [pytest.mark.daemon, needs_witness]

GUARDED = PRESETS["guarded"]


async def ctr(node: Node, *arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        "ctr", "--address", str(node.address), "--namespace", NAMESPACE, *arguments
    )
    assert await process.wait() == 0


async def killed_by_ctr(node: Node, image: ImportedImage, *, label: str | None) -> Evidence:
    kills = KillLog()
    async with (
        open_witness() as witness,
        open_monitor(node.client, sample_seconds=0, witness=witness) as monitor,
        open_container("one", node=node, image=image, profile=GUARDED, kills=kills) as container,
    ):
        setting = Setting("r", node, image, GUARDED, kills, monitor=monitor)
        before = Before(0, who_listens(node.address), time.time())
        await container.create()
        await container.start()
        if label is not None:
            await ctr(node, "containers", "label", "one", label)
        await ctr(node, "tasks", "kill", "--signal", "SIGKILL", "one")
        assert container.exited is not None
        async with asyncio.timeout(20):
            death = container.death(await container.exited)
        evidence = (await collect_evidence(setting, container, death, before)).evidence
        await remove_container(container)
        return evidence


async def test_another_client_that_kills_by_containerd(
    quiet_node: Node, image: ImportedImage
) -> None:
    evidence = await killed_by_ctr(quiet_node, image, label=None)
    (fact,) = evidence.signals or ()
    assert (fact.signal, fact.pid, fact.container_id) == (9, evidence.pid, "one")
    assert (fact.sender_container, fact.sender_shim) == ("one", evidence.shim_pid)
    verdict = attribute(BugClass.PROCESS_DIED, evidence)
    assert (verdict.mechanism, verdict.proven) == (Mechanism.FOREIGN_KILL, True)
    assert "another client of containerd" in verdict.facts[1]


async def test_the_label_of_the_restart_monitor_is_read(
    quiet_node: Node, image: ImportedImage
) -> None:
    """A private containerd has no restart monitor: whoever reads the label does its work here."""
    label = "containerd.io/restart.status=stopped"
    evidence = await killed_by_ctr(quiet_node, image, label=label)
    assert evidence.restart_status == "stopped"
    verdict = attribute(BugClass.PROCESS_DIED, evidence)
    assert (verdict.mechanism, verdict.proven) == (Mechanism.RESTART_MONITOR, True)
