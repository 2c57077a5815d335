"""The CRI plugin under collections: between the kubelet's calls, and while it works on one."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime
from pathlib import Path

import pytest

from iluvatar_bench.clients import check_known
from iluvatar_bench.clients.known.pod_client import run_pod_once
from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.daemon.private import private_daemon
from iluvatar_bench.containerd.services.pods import NAMESPACE, Pods
from iluvatar_bench.errors import DaemonFault
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR
from tests.support.pod_nodes import POD_IMAGE, pod_node

pytestmark = [pytest.mark.daemon, pytest.mark.slow]

PODS = 20
PREPARED, RECORDED = "/snapshot/prepare", "/containers/create"


async def test_every_position_of_a_pods_life_outlasts_collections(tmp_path: Path) -> None:
    check = await check_known("cri", tmp_path / "out", faults=["collection"])
    assert set(check.positions["outcome"]) == {"safe"}
    assert check.positions["call"].str.startswith("RuntimeService.").sum() == 9
    worked = check.positions[check.positions["what"] != ""]
    assert len(worked) == 9
    assert worked["what"].str.fullmatch(r"\d+ collections while the call went on").all()


class Collecting:
    """Asks for a collection at the event of each Prepare, and keeps when it was asked for."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.windows: list[tuple[datetime, datetime]] = []
        """From each Prepare to the record that followed it, as the events say."""
        self.collections: list[tuple[datetime, datetime]] = []
        self.subscribed = asyncio.Event()

    async def follow(self) -> None:
        prepared = None
        topics = [f'topic=="{topic}"' for topic in (PREPARED, RECORDED)]
        async for event in self._client.events.subscribe(topics):
            self.subscribed.set()
            assert event.timestamp is not None
            if event.topic == PREPARED:
                prepared = event.timestamp
                await self._collect()
            elif prepared is not None:
                self.windows.append((prepared, event.timestamp))
                prepared = None

    async def _collect(self) -> None:
        begun = datetime.now(UTC)
        await self._client.leases.force_collection()
        self.collections.append((begun, datetime.now(UTC)))

    def overlapped(self) -> int:
        return sum(
            any(begun < end and ended > start for begun, ended in self.collections)
            for start, end in self.windows
        )


async def test_collections_fall_between_the_plugins_own_calls(tmp_path: Path) -> None:
    """Nothing is lost: the plugin's lease holds the snapshot until the record does."""
    async with pod_node(tmp_path) as node:
        client = node.client
        pods = Pods(client.channel)
        collecting = Collecting(client)
        following = asyncio.create_task(collecting.follow())
        try:
            async with asyncio.timeout(60):
                # Nothing tells when containerd has accepted the subscription.
                while not collecting.subscribed.is_set():
                    await run_pod_once(pods, f"first-{secrets.token_hex(3)}", POD_IMAGE)
            for number in range(PODS):
                await run_pod_once(pods, f"pod-{number}", POD_IMAGE)
        finally:
            following.cancel()
        assert len(collecting.windows) >= 2 * PODS - 1
        assert collecting.overlapped() > PODS
        assert await client.containers.list() == ()


async def test_an_image_that_is_not_there_is_not_pulled() -> None:
    """The plugin would ask the name's registry for it, and the host's resolver for that."""
    missing = "registry.invalid/nothing/here:1"
    async with private_daemon(collector=QUIET_COLLECTOR, sandbox_image=missing) as node:
        await node.client.namespaces.ensure(NAMESPACE)
        with pytest.raises(DaemonFault, match=r"dial tcp 127\.0\.0\.1:1: .*connection refused"):
            await Pods(node.client.under(NAMESPACE).channel).run("any")
