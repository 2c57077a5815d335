"""Clients of a containerd, good and bad, that do not go through this library's lifecycle."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from iluvatar_bench.audit import Alarm, Audit, HostPlaces, audit_daemon
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.containerd.oci.spec import runtime_spec
from iluvatar_bench.containerd.values import ContainerRecord
from tests.support.limits_here import CTR_WITHOUT_SHARES

NOWHERE = HostPlaces(network_namespaces=(), addresses=())
"""The host's networks are not looked at: other tests have some at the same time."""

RUNTIME = "io.containerd.runc.v2"
SLEEP = ("python3", "-c", "import time; time.sleep(600)")


async def audited(node: Node, **options: Any) -> Audit:
    """An audit of the node, without the host's networks unless they are given."""
    return await audit_daemon(node.address, **{"places": NOWHERE, **options})


def named(audit: Audit) -> dict[str, int]:
    """The rules that were broken, with their counts."""
    return {found.rule.name: found.count for found in audit.findings}


async def ctr(node: Node, *arguments: str) -> str:
    """Containerd's own command line on the node; its output."""
    if shutil.which("ctr") is None:
        pytest.skip("needs ctr")
    process = await asyncio.create_subprocess_exec(
        "ctr",
        "--address",
        str(node.address),
        "--namespace",
        node.client.namespace,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output.decode()


async def ctr_run(
    node: Node, image: ImportedImage, container_id: str, *options: str, args: Sequence[str] = SLEEP
) -> None:
    """A container as ``ctr run --detach`` makes it, with runc's state and cgroup in our place."""
    place = ("--runc-root", str(node.runc_root), "--cgroup", f"{node.cgroup_parent}/{container_id}")
    asked = ("--detach", "--null-io", *CTR_WITHOUT_SHARES, *place, *options)
    await ctr(node, "run", *asked, image.name, container_id, *args)


@dataclass(frozen=True, slots=True, kw_only=True)
class RawWorker:
    """A worker that sends its requests one by one, right or wrong, as its fields say."""

    node: Node
    image: ImportedImage
    named_snapshot: bool = False
    own_cgroup: bool = False
    args: tuple[str, ...] = SLEEP

    def record(self, container_id: str, **changes: Any) -> ContainerRecord:
        """The record that it makes."""
        cgroup = container_id if self.own_cgroup else "shared"
        spec = runtime_spec(
            args=self.args,
            env=self.image.env,
            cwd=self.image.cwd,
            hostname=container_id[-63:],
            cgroups_path=f"{self.node.cgroup_parent}/{cgroup}",
            cgroup_v2=self.node.unified,
        )
        fields: dict[str, Any] = {
            "id": container_id,
            "image": self.image.name,
            "runtime": RUNTIME,
            "spec": spec,
            "snapshotter": "overlayfs" if self.named_snapshot else "",
            "snapshot_key": container_id if self.named_snapshot else "",
            "labels": {"owner": "iluvatar_worker"},
        }
        return ContainerRecord(**{**fields, **changes})

    async def create(self, container_id: str) -> None:
        """Record, snapshot and task, in the worker's order of 2022: the record first."""
        client = self.node.client
        await client.containers.create(self.record(container_id))
        mounts = await client.snapshots("overlayfs").prepare(
            container_id, parent=self.image.chain_id
        )
        output = self.node.scratch / f"{container_id}.out"
        output.touch()
        await client.tasks.create(
            container_id, rootfs=mounts, stdout=output, stderr=output, runc_root=self.node.runc_root
        )
        await client.tasks.start(container_id)

    async def remove(self, container_id: str) -> None:
        """Kill, delete the task, delete the record; a named snapshot is removed in between."""
        client = self.node.client
        ended = asyncio.ensure_future(client.tasks.wait_exit(container_id))
        await client.tasks.kill(container_id, signal=9, all_processes=not self.own_cgroup)
        await ended
        await client.tasks.delete(container_id)
        if self.named_snapshot:
            await client.snapshots("overlayfs").remove(container_id)
        await client.containers.delete(container_id)


async def first_alarm(
    stream: AsyncGenerator[Any], create: Callable[[int], Awaitable[object]]
) -> Alarm:
    """Nothing tells when containerd has accepted the subscription: create until one is seen."""
    first = asyncio.ensure_future(anext(stream))
    number = 0
    async with asyncio.timeout(20):
        while not first.done():
            await create(number)
            number += 1
            await asyncio.wait((first,), timeout=0.05)
    alarm = first.result()
    assert isinstance(alarm, Alarm)
    return alarm


async def everything(node: Node) -> dict[str, Any]:
    """All that a client can list of the daemon: the same after something that only reads."""
    client = node.client
    return {
        "namespaces": await client.namespaces.list(),
        "containers": await client.containers.list(),
        # Containerd lists tasks in the order of a Go map: another one each time.
        "tasks": sorted(await client.tasks.list(), key=lambda task: task.container_id),
        "leases": await client.leases.details(),
        "images": await client.images.list(),
        "content": await client.content.all_labels(),
        **{name: await client.snapshots(name).list() for name in ("overlayfs", "native")},
        "folders": sorted(str(path) for path in _root(node).glob("*/snapshots/*")),
    }


def _root(node: Node) -> Path:
    return Path("/var/lib/iluvatar-bench") / node.id
