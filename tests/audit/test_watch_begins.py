"""A watch as it begins, and begins anew: who came before its subscription, and a daemon away."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage

from iluvatar_bench.audit import WatchGap, watch_daemon, watch_restarts
from iluvatar_bench.containerd._api import containers_pb2, event_payloads_pb2, events_pb2
from iluvatar_bench.containerd.services.containers import SPEC_TYPE_URL
from tests.support.fake_containerd import FakeContainerd, fake_containerd
from tests.support.waiting import wait_for

NAMESPACE = "default"
"""The one that the fake lists."""


def record_in(cgroup: str, container_id: str, *, named: bool = True) -> Any:
    spec = {"linux": {"cgroupsPath": cgroup, "namespaces": [{"type": "pid"}]}}
    if not named:
        spec["root"] = {"path": "rootfs"}
    return containers_pb2.Container(
        id=container_id,
        labels={"owner": "worker"},
        snapshotter="overlayfs" if named else "",
        snapshot_key=container_id if named else "",
        spec=AnyMessage(type_url=SPEC_TYPE_URL, value=json.dumps(spec).encode()),
    )


def tell_created(fake: FakeContainerd, container_id: str) -> None:
    payload = event_payloads_pb2.ContainerCreate(id=container_id)
    envelope = events_pb2.Envelope(namespace=NAMESPACE, topic="/containers/create")
    envelope.event.type_url = payload.DESCRIPTOR.full_name
    envelope.event.value = payload.SerializeToString()
    fake.send(envelope)


async def test_who_came_and_went_between_the_listing_and_the_subscription_is_known(
    short_folder: Path,
) -> None:
    """A neighbour that came then shares the cgroup; one that went then does not."""
    async with fake_containerd(short_folder / "c") as fake:
        fake.accepting.clear()
        fake.containers["gone"] = record_in("/freed", "gone")
        async with aclosing(watch_daemon(short_folder / "c")) as alarms:
            first = asyncio.ensure_future(anext(alarms))
            # The last that a listing asks for.
            await asyncio.to_thread(
                wait_for, lambda: "Tasks.List" in {call for call, _, _ in list(fake.calls)}
            )
            assert not fake.subscribed
            # Nobody hears of these two.
            del fake.containers["gone"]
            fake.containers["early"] = record_in("/shared", "early")
            fake.accepting.set()
            await asyncio.to_thread(wait_for, lambda: fake.subscribed)
            for name, cgroup in (("alone", "/freed"), ("beside", "/shared")):
                fake.containers[name] = record_in(cgroup, name)
                tell_created(fake, name)
            async with asyncio.timeout(20):
                alarm = await first
    assert alarm.container_id == "beside"
    assert [rule.name for rule in alarm.rules] == ["cgroup_shared"]
    assert alarm.others == 2


@pytest.mark.parametrize(
    "said",
    [
        "Socket closed",
        "failed to connect to all addresses; last error: FAILED_PRECONDITION: unix:{0}: connect "
        "failed: addr: unix:{0} error: No such file or directory",
        "failed to connect to all addresses; last error: UNAVAILABLE: unix:{0}: connect failed: "
        "addr: unix:{0} error: Connection refused",
    ],
)
async def test_a_daemon_that_is_away_as_a_container_is_looked_at_is_a_gap(
    said: str, short_folder: Path
) -> None:
    """The event had come; what is asked because of it meets whatever a restart leaves."""
    address = short_folder / "c"
    async with fake_containerd(address) as fake, aclosing(watch_restarts(address)) as stream:
        first = asyncio.ensure_future(anext(stream))
        await asyncio.to_thread(wait_for, lambda: fake.subscribed)
        # As the library says it, of a daemon that is on its way.
        fake.answers["Leases.List"] = grpc.StatusCode.UNAVAILABLE
        fake.details = said.format(address)
        fake.containers["bare"] = record_in("/own", "bare", named=False)
        tell_created(fake, "bare")
        async with asyncio.timeout(20):
            gap = await first
    assert isinstance(gap, WatchGap)
    assert gap.containers == 1
