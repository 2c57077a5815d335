"""The CRI plugin under collections: between the kubelet's calls, and while it works on one."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from iluvatar_bench.clients import check_known
from iluvatar_bench.clients.check.pause_image import NAME, write_pause_layout
from iluvatar_bench.clients.known.pod_client import run_pod_once
from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.daemon.private import private_daemon
from iluvatar_bench.containerd.oci.image_import import import_layout
from iluvatar_bench.containerd.services.pods import NAMESPACE, Pods
from iluvatar_bench.functions import build_image, load_function
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR

pytestmark = [pytest.mark.daemon, pytest.mark.slow]

PODS = 20
PREPARED, RECORDED = "/snapshot/prepare", "/containers/create"


@asynccontextmanager
async def node_for_pods(folder: Path) -> AsyncIterator[Client]:
    layout = folder / "layout"
    await asyncio.to_thread(write_pause_layout, layout, build_image(load_function("hello")).layout)
    async with private_daemon(collector=QUIET_COLLECTOR, sandbox_image=NAME) as node:
        client = node.client.under(NAMESPACE)
        await client.namespaces.ensure(NAMESPACE)
        await import_layout(client, layout, name=NAME, snapshotters=["overlayfs"])
        yield client


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
    async with node_for_pods(tmp_path) as client:
        pods = Pods(client.channel)
        collecting = Collecting(client)
        following = asyncio.create_task(collecting.follow())
        try:
            async with asyncio.timeout(60):
                # Nothing tells when containerd has accepted the subscription.
                while not collecting.subscribed.is_set():
                    await run_pod_once(pods, f"first-{secrets.token_hex(3)}", NAME)
            for number in range(PODS):
                await run_pod_once(pods, f"pod-{number}", NAME)
        finally:
            following.cancel()
        assert len(collecting.windows) >= 2 * PODS - 1
        assert collecting.overlapped() > PODS
        assert await client.containers.list() == ()
