"""Clients of containerd for tests of ``check``: each makes one container, its own way, and ends it.

    python -m tests.support.raw_client WAY ID IMAGE

Where the socket is says CONTAINERD_ADDRESS, the namespace CONTAINERD_NAMESPACE. They end with
another status than 0 where a call failed, and remove what they made; save those whose way it is
not to.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from iluvatar_bench.clients.known.image_chain import chain_of
from iluvatar_bench.clients.known.plain_container import PlainContainer
from iluvatar_bench.containerd.channel import Channel
from iluvatar_bench.containerd.client import Client


class RawContainer(PlainContainer):
    """A container whose parts are sent one after the other, in several ways."""

    async def run(self, *, all_processes: bool = False) -> None:
        tasks = self.client.tasks
        await self.create_task()
        await self.start()
        await tasks.get(self.id)
        await tasks.kill(self.id, signal=9, all_processes=all_processes)
        await tasks.wait_exit(self.id)
        await tasks.delete(self.id)

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
    await container.create_task()
    await container.start()


WAYS: dict[str, Callable[[RawContainer], Awaitable[None]]] = {
    way.__name__: way
    for way in (
        empty_key,
        record_late,
        forgets_on_error,
        shared_cgroup,
        two_namespaces,
        waits_for_ever,
        swallows_errors,
        leaves_it_running,
    )
}


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
