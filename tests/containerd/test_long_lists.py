"""Lists longer than one gRPC message, of a daemon that has been in use for long."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from iluvatar_bench import errors
from iluvatar_bench.audit import HostPlaces, audit_daemon, live_container
from iluvatar_bench.containerd._api import containers_pb2, containers_pb2_grpc, images_pb2
from iluvatar_bench.containerd.client import connect
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.values import ContainerRecord
from tests.support.command import command
from tests.support.fake_containerd import fake_containerd

RECORDS = 8_500
SPEC = {"ociVersion": "1.0.2", "process": {"args": ["x"], "env": ["A=" + "b" * 3900]}}


async def test_containers_beyond_one_message(short_folder: Path) -> None:
    """As much as containerd does not send at once: 16 MiB."""
    nowhere = HostPlaces(network_namespaces=(), addresses=())
    async with fake_containerd(short_folder / "c") as fake:
        for number in range(RECORDS):
            record = containers_pb2.Container(id=f"c-{number}")
            record.spec.value = json.dumps(SPEC).encode()
            fake.containers[record.id] = record
        assert sum(record.ByteSize() for record in fake.containers.values()) > 2 * 16 << 20
        audit = await audit_daemon(short_folder / "c", places=nowhere)
    assert audit.counts["containers"] == RECORDS


async def test_an_answer_that_the_daemon_does_not_send_in_one_is_called_too_large(
    short_folder: Path,
) -> None:
    async with fake_containerd(short_folder / "c") as fake, connect(short_folder / "c") as client:
        fake.images = [images_pb2.Image(name="x" * 1000)] * 17_000
        words = (
            rf"Images\.List .*the answer of containerd at {short_folder}/c is too large .*larger"
        )
        with pytest.raises(errors.ResourceExhausted, match=words) as raised:
            await client.images.list()
    assert "\n" not in str(raised.value)


@pytest.mark.daemon
@pytest.mark.slow
async def test_a_real_daemon_with_8500_records_is_audited_and_explained(quiet_node: Node) -> None:
    client = quiet_node.client
    waiting = iter(range(RECORDS))

    async def work() -> None:
        for number in waiting:
            await client.containers.create(
                ContainerRecord(
                    id=f"c-{number}", image="", runtime="io.containerd.runc.v2", spec=SPEC
                )
            )

    async with asyncio.TaskGroup() as group:
        for _ in range(16):
            group.create_task(work())
    with pytest.raises(errors.ResourceExhausted, match=r"is too large .*vs\. 16777216"):
        await client.channel.call(
            containers_pb2_grpc.ContainersStub(client.channel.grpc_channel).List,
            containers_pb2.ListContainersRequest(),
            operation="Containers.List",
        )
    audit = await audit_daemon(quiet_node.address, namespace=client.namespace)
    assert audit.counts["containers"] == RECORDS
    assert live_container(audit, "c-7").name.endswith("/c-7")
    own = ("--address", str(quiet_node.address), "--namespace", client.namespace)
    done = await asyncio.to_thread(command, "audit", "--json", *own)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["looked_at"]["containers"] == RECORDS
    done = await asyncio.to_thread(command, "explain", "--live", "c-7", *own)
    assert (done.returncode, done.stderr) == (0, "")
