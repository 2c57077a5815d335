"""Orders of calls that stand in public code, played by raw requests: one container's life each.

    python -m iluvatar_bench.clients.known.order_client ORDER ID IMAGE

Where the socket is says CONTAINERD_ADDRESS, the namespace CONTAINERD_NAMESPACE. They end with
another status than 0 where a call failed; what each removes then stands with it.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from iluvatar_bench.clients.known.image_chain import chain_of
from iluvatar_bench.clients.known.plain_container import PlainContainer
from iluvatar_bench.clients.known.unheld_unpack import unpack_unheld
from iluvatar_bench.containerd.channel import Channel
from iluvatar_bench.containerd.client import Client
from iluvatar_bench.errors import DaemonFault, FailedPrecondition, IluvatarBenchError, NotFound
from iluvatar_bench.host.first_error import cleaned_up

SHARED_CGROUP = "shared"
"""Of every container of the worker of 2022: the constant path of the client example that it was
copied from (containerd/rust-extensions, crates/client/examples/container_spec.json, line 113)."""

_POLL_SECONDS = 0.005
_POLLS = 2000


async def worker_2022(container: PlainContainer) -> None:
    """As the worker of COS-IN/iluvatar-faas in 2022 (containerd.rs), with one cgroup for all."""
    container.cgroup = f"/{container.client.namespace}/{SHARED_CGROUP}"
    await _as_the_worker(container)


async def worker_2025(container: PlainContainer) -> None:
    """The same worker as it is today (commit e47f175, 2025-09-17): a cgroup for each container."""
    await _as_the_worker(container)


async def _as_the_worker(container: PlainContainer) -> None:
    """The record with an empty key, then Prepare without a lease.

    Only an error of Tasks.Create makes it remove anything. The snapshot is left to the collector.
    """
    await container.record(key="")
    await container.prepare()
    try:
        await container.create_task()
    except IluvatarBenchError:
        await _remove_polling(container)
        raise
    await container.start()
    await _remove_polling(container)


async def _remove_polling(container: PlainContainer) -> None:
    """Kill with all, Tasks.Delete tried every 5 ms for 10 s, then the record."""
    tasks = container.client.tasks
    try:
        await tasks.kill(container.id, signal=9, all_processes=True)
    except NotFound:
        pass
    for left in reversed(range(_POLLS)):
        try:
            await tasks.delete(container.id)
        except NotFound:
            break
        except (DaemonFault, FailedPrecondition):
            if not left:
                raise
            await asyncio.sleep(_POLL_SECONDS)
        else:
            break
    await container.client.containers.delete(container.id)


async def record_late(container: PlainContainer) -> None:
    """Prepare without a lease, then the record with the key. After an error all is removed."""
    async with cleaned_up(container.remove, only_after_failure=True):
        await container.prepare()
        await container.record(key=container.id)
        await _run_and_remove(container)


async def record_first(container: PlainContainer) -> None:
    """The record with its key, then Prepare without a lease. After an error all is removed.

    The order of faas-rs/faasd-in-rust (crates/faas-containerd/src/impls/container.rs, lines 37 and
    38, commit e3f75cd).
    """
    async with cleaned_up(container.remove, only_after_failure=True):
        await container.record(key=container.id)
        await container.prepare()
        await _run_and_remove(container)


async def _run_and_remove(container: PlainContainer) -> None:
    await container.create_task()
    await container.start()
    await container.remove()


async def _with_client(order: str, container_id: str, image: str) -> None:
    address = Path(os.environ["CONTAINERD_ADDRESS"])
    async with Channel(address, namespace=os.environ["CONTAINERD_NAMESPACE"]) as channel:
        client = Client(channel)
        chain_id = await chain_of(client, image)
        await ORDERS[order](PlainContainer(client, container_id, chain_id, image=image))


ORDERS: Mapping[str, Callable[[PlainContainer], Awaitable[None]]] = {
    order.__name__: order
    for order in (worker_2022, worker_2025, record_late, record_first, unpack_unheld)
}


if __name__ == "__main__":
    try:
        asyncio.run(_with_client(*sys.argv[1:]))
    except IluvatarBenchError as error:
        sys.exit(str(error))
