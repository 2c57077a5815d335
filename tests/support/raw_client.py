"""Clients of containerd for tests of ``check``: each makes one container, its own way, and ends it.

    python -m tests.support.raw_client WAY ID IMAGE

Where the socket is says CONTAINERD_ADDRESS, the namespace CONTAINERD_NAMESPACE. They end with
another status than 0 where a call failed, and remove what they made; save those whose way it is
not to.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from iluvatar_bench.containerd.channel import Channel
from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.oci.image_import import chain_ids
from iluvatar_bench.containerd.oci.spec import runtime_spec
from iluvatar_bench.containerd.values import ContainerRecord, Mount
from iluvatar_bench.errors import NotFound
from iluvatar_bench.host.kernel import cgroups

SLEEP = ("python3", "-S", "-E", "-c", "import time; time.sleep(60)")


class RawContainer:
    """One container, by requests that are sent one after the other."""

    def __init__(self, client: Client, container_id: str, chain_id: str, cgroup: str = "") -> None:
        self.client = client
        self.id = container_id
        self.chain_id = chain_id
        self.cgroup = cgroup or f"/{client.namespace}/{container_id}"
        self.mounts: tuple[Mount, ...] = ()
        self.snapshots = client.snapshots("overlayfs")

    async def record(self, *, key: str) -> None:
        spec = runtime_spec(
            args=SLEEP,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
            cwd="/",
            hostname="c",
            cgroups_path=self.cgroup,
            cgroup_v2=cgroups.mode() == "v2",
        )
        await self.client.containers.create(
            ContainerRecord(
                id=self.id,
                image="",
                runtime="io.containerd.runc.v2",
                spec=spec,
                snapshotter="overlayfs" if key else "",
                snapshot_key=key,
            )
        )

    async def prepare(self, *, lease: str | None = None) -> None:
        self.mounts = await self.snapshots.prepare(self.id, parent=self.chain_id, lease=lease)

    async def run(self, *, all_processes: bool = False) -> None:
        tasks = self.client.tasks
        null = Path("/dev/null")
        await tasks.create(self.id, rootfs=self.mounts, stdout=null, stderr=null)
        await tasks.start(self.id)
        await tasks.get(self.id)
        await tasks.kill(self.id, signal=9, all_processes=all_processes)
        await tasks.wait_exit(self.id)
        await tasks.delete(self.id)

    async def remove(self) -> None:
        tasks = self.client.tasks
        for call in (
            lambda: tasks.kill(self.id, signal=9, all_processes=False),
            lambda: tasks.wait_exit(self.id),
            lambda: tasks.delete(self.id),
            lambda: self.snapshots.remove(self.id),
            lambda: self.client.containers.delete(self.id),
        ):
            try:
                await call()
            except NotFound:
                continue

    async def end(self) -> None:
        await self.snapshots.remove(self.id)
        await self.client.containers.delete(self.id)


async def empty_key(container: RawContainer) -> None:
    """The record first, with an empty key; then Prepare without a lease. Never removed itself."""
    await container.record(key="")
    await container.prepare()
    await container.run()
    await container.client.containers.delete(container.id)


async def record_late(container: RawContainer) -> None:
    """Prepare without a lease, then the record with the key."""
    await container.prepare()
    await container.record(key=container.id)
    await container.run()
    await container.end()


async def forgets_on_error(container: RawContainer) -> None:
    """The right order, and nothing is removed after an error."""
    await container.record(key=container.id)
    await container.prepare()
    await container.run()
    await container.end()


async def shared_cgroup(container: RawContainer) -> None:
    """All in the right order, but for one cgroup that all share, and Kill with all."""
    container.cgroup = f"/{container.client.namespace}/shared"
    await container.record(key=container.id)
    await container.prepare()
    await container.run(all_processes=True)
    await container.end()


async def threads(container: RawContainer) -> None:
    """Eight at a time, whose calls come in another order each time."""
    ours = [
        RawContainer(container.client, f"{container.id}-{number}", container.chain_id)
        for number in range(8)
    ]

    async def life(one: RawContainer) -> None:
        await one.record(key=one.id)
        await one.prepare()
        await one.snapshots.remove(one.id)
        await one.client.containers.delete(one.id)

    await asyncio.gather(*map(life, ours))


async def two_namespaces(container: RawContainer) -> None:
    """The same key in two namespaces: held in one, by nothing in the other until it is used."""
    other = container.client.under(f"{container.client.namespace}-2")
    await other.namespaces.ensure(other.namespace)
    beside = RawContainer(other, container.id, "")
    await container.record(key=container.id)
    await container.prepare()
    await beside.prepare()
    await beside.snapshots.mounts(beside.id)
    await beside.snapshots.remove(beside.id)
    await container.end()


async def waits_for_ever(container: RawContainer) -> None:
    """Takes every error for the end of its work, and then waits for what never comes."""
    await container.record(key=container.id)
    try:
        await container.prepare()
    except Exception:
        await asyncio.Event().wait()
    await container.end()


async def swallows_errors(container: RawContainer) -> None:
    """Ends with 0 whatever happens, and says what it did only if it did it."""
    try:
        await container.record(key=container.id)
        await container.client.containers.get(container.id)
        sys.stdout.write("done\n")
    except Exception as error:
        sys.stdout.write(f"a problem: {type(error).__name__}\n")
    await container.remove()


async def leaves_it_running(container: RawContainer) -> None:
    await container.record(key=container.id)
    await container.prepare()
    null = Path("/dev/null")
    await container.client.tasks.create(
        container.id, rootfs=container.mounts, stdout=null, stderr=null
    )
    await container.client.tasks.start(container.id)


WAYS: dict[str, Callable[[RawContainer], Awaitable[None]]] = {
    way.__name__: way
    for way in (
        empty_key,
        record_late,
        forgets_on_error,
        shared_cgroup,
        threads,
        two_namespaces,
        waits_for_ever,
        swallows_errors,
        leaves_it_running,
    )
}


async def chain_of(client: Client, image: str) -> str:
    record = next(record for record in await client.images.list() if record.name == image)
    manifest = json.loads(await client.content.read(record.target.digest))
    config = json.loads(await client.content.read(manifest["config"]["digest"]))
    return list(chain_ids(config["rootfs"]["diff_ids"]))[-1]


async def main(way: str, container_id: str, image: str) -> None:
    address = Path(os.environ["CONTAINERD_ADDRESS"])
    async with Channel(address, namespace=os.environ["CONTAINERD_NAMESPACE"]) as channel:
        client = Client(channel)
        container = RawContainer(client, container_id, await chain_of(client, image))
        try:
            await WAYS[way](container)
        except BaseException:
            if WAYS[way] is not forgets_on_error:
                await container.remove()
            raise


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
