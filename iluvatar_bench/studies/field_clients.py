"""Clients of one containerd as a node has them: a worker of 2022, a right one, and ``ctr``.

They send their requests themselves, one by one, and know nothing of whoever observes them.
"""

from __future__ import annotations

import asyncio
import logging
import random
import shutil
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.containerd.oci.spec import runtime_spec
from iluvatar_bench.containerd.values import ContainerRecord
from iluvatar_bench.errors import ContainerdError, DaemonFault, NotFound

log = logging.getLogger(__name__)

RUNTIME = "io.containerd.runc.v2"

STARTING = ("python3", "-uc", "import csv, json; print('up'); import time; time.sleep(600)")
"""A function as far as a start goes: it imports, and says that it is up."""

DELETE_SECONDS = 10.0
"""How long the worker of 2022 asks again whether a task can be deleted."""

LEFT_SECONDS = 90.0
"""How long a container that was made by mistake lies about."""

_HOLD_SECONDS = (0.3, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldPlace:
    """Where the clients work: a node of ours, an image on it, and the file of the worker's log."""

    node: Node
    image: ImportedImage
    log_path: Path
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once no container is to begin any more."""

    def record(self, name: str, *, owner: str, cgroup: str, named: bool) -> ContainerRecord:
        """A container's record; ``named``: with the snapshot that it is to hold."""
        spec = runtime_spec(
            args=STARTING,
            env=self.image.env,
            cwd=self.image.cwd,
            hostname=name[-63:].lstrip("-."),
            cgroups_path=f"{self.node.cgroup_parent}/{cgroup}",
            cgroup_v2=self.node.unified,
        )
        return ContainerRecord(
            id=name,
            image=self.image.name,
            runtime=RUNTIME,
            spec=spec,
            snapshotter="overlayfs" if named else "",
            snapshot_key=name if named else "",
            labels={"owner": owner},
        )

    async def start(self, record: ContainerRecord, *, lease: str | None = None) -> None:
        """Snapshot and task of a record that is there."""
        client, name = self.node.client, record.id
        mounts = await client.snapshots("overlayfs").prepare(
            name, parent=self.image.chain_id, lease=lease
        )
        output = self.node.scratch / f"{name}.out"
        output.touch()
        await client.tasks.create(
            name, rootfs=mounts, stdout=output, stderr=output, runc_root=self.node.runc_root
        )
        await client.tasks.start(name)

    def hold_seconds(self) -> float:
        """How long a container is used."""
        return self.chance.uniform(*_HOLD_SECONDS)

    def tell(self, name: str, what: str) -> None:
        """A line of the worker's log."""
        when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f +00:00")
        with self.log_path.open("a") as file:
            file.write(
                f"[{when}] [ERROR] [iluvatar_lib] [{uuid.uuid4()}] container '{name}' {what}\n"
            )


async def worker_of_2022(place: FieldPlace, name: str) -> None:
    """No lease, no key, one cgroup for all, Kill(all), Delete until it works, the snapshot left."""
    client = place.node.client
    record = place.record(name, owner="iluvatar_worker", cgroup="shared", named=False)
    await client.containers.create(record)
    try:
        await place.start(record)
    except ContainerdError as error:
        place.tell(name, f"could not be started: {error.detail}")
        await _forget(place, name)
        return
    ended = asyncio.ensure_future(client.tasks.wait_exit(name))
    await asyncio.wait((ended,), timeout=place.hold_seconds())
    if ended.done():
        said = (place.node.scratch / f"{name}.out").read_text()[-500:]
        place.tell(name, f"died with exit status {ended.result().status}: {said}")
    else:
        with suppress(ContainerdError):
            await client.tasks.kill(name, signal=9, all_processes=True)
        await asyncio.wait((ended,), timeout=DELETE_SECONDS)
    ended.cancel()
    await _forget(place, name)


async def right_client(place: FieldPlace, name: str) -> None:
    """A client that does everything right (:func:`right_life`), but for one of 40 containers.

    That one is made and never started, for a while: somebody else's mistake.
    """
    if place.chance.random() >= 1 / 40:
        await right_life(place, name, hold_seconds=place.hold_seconds())
        return
    client = place.node.client
    await client.containers.create(place.record(name, owner="gateway", cgroup=name, named=True))
    with suppress(TimeoutError):
        async with asyncio.timeout(LEFT_SECONDS):
            await place.stop.wait()
    await client.containers.delete(name)


async def right_life(place: FieldPlace, name: str, *, hold_seconds: float) -> None:
    """As containerd's own client: lease, key, cgroup of its own, everything removed in order."""
    client, lease = place.node.client, f"lease-{name}"
    await client.leases.create(lease, expires_in_seconds=120.0)
    record = place.record(name, owner="gateway", cgroup=name, named=True)
    await client.containers.create(record)
    await place.start(record, lease=lease)
    await client.leases.delete(lease)
    ended = asyncio.ensure_future(client.tasks.wait_exit(name))
    await asyncio.wait((ended,), timeout=hold_seconds)
    await client.tasks.kill(name, signal=9, all_processes=True)
    await ended
    await client.tasks.delete(name)
    await client.snapshots("overlayfs").remove(name)
    await client.containers.delete(name)


async def ctr_client(place: FieldPlace, name: str) -> None:
    """``ctr run --rm`` of something that ends by itself."""
    node = place.node
    program = shutil.which("ctr")
    if program is None:
        await asyncio.sleep(1)
        return
    process = await asyncio.create_subprocess_exec(
        program,
        *("--address", str(node.address), "--namespace", node.client.namespace, "run", "--rm"),
        *("--null-io", "--runc-root", str(node.runc_root)),
        *("--cgroup", f"{node.cgroup_parent}/{name}", place.image.name, name),
        *("python3", "-c", f"import time; time.sleep({place.hold_seconds():.1f})"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    await process.wait()


async def _forget(place: FieldPlace, name: str) -> None:
    """Delete task and record; as in 2022 it asks again while the task cannot be deleted."""
    client = place.node.client
    with suppress(TimeoutError):
        async with asyncio.timeout(DELETE_SECONDS):
            while True:
                try:
                    await client.tasks.delete(name)
                except DaemonFault:
                    await asyncio.sleep(0.05)
                except NotFound:
                    break
                else:
                    break
    await client.containers.delete(name)


@asynccontextmanager
async def field_clients(place: FieldPlace, *, workers: int = 2) -> AsyncIterator[None]:
    """All at work for the length of the block: ``workers`` of 2022, two right clients, one ``ctr``.

    Each begins its next container as its last one is gone; at the block's end they finish theirs.
    """

    async def work(client: Callable[[FieldPlace, str], Awaitable[None]], prefix: str) -> None:
        while not place.stop.is_set():
            name = f"{prefix}-{uuid.UUID(int=place.chance.getrandbits(128), version=4)}"
            try:
                await client(place, name)
            except ContainerdError as error:
                # A node goes on whatever becomes of one container.
                log.warning("%s: %s", name, error)
                await asyncio.sleep(1)

    jobs = [asyncio.create_task(work(worker_of_2022, "hello-0.0.1")) for _ in range(workers)]
    jobs += [asyncio.create_task(work(right_client, "gateway")) for _ in range(2)]
    jobs += [asyncio.create_task(work(ctr_client, "batch"))]
    try:
        yield
    finally:
        place.stop.set()
        await asyncio.wait(jobs)
