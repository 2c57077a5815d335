"""One container by requests that are sent one after the other, nothing added to them."""

from __future__ import annotations

import asyncio
import signal
from functools import partial
from pathlib import Path

from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.oci.spec import runtime_spec
from iluvatar_bench.containerd.values import ContainerRecord, Mount
from iluvatar_bench.errors import NotFound
from iluvatar_bench.host.kernel import cgroups

SNAPSHOTTER = "overlayfs"
_SLEEP = ("python3", "-S", "-E", "-c", "import time; time.sleep(60)")
_NULL = Path("/dev/null")
_EXIT_SECONDS = 10.0


class PlainContainer:
    """A container that a client makes call by call; the client removes it itself."""

    def __init__(
        self, client: Client, container_id: str, chain_id: str, *, cgroup: str = "", image: str = ""
    ) -> None:
        self.client = client
        self.id = container_id
        self.chain_id = chain_id
        self.image = image
        """The name of the image that ``chain_id`` is of; its record names none."""
        self.cgroup = cgroup or f"/{client.namespace}/{container_id}"
        self.mounts: tuple[Mount, ...] = ()
        self.snapshots = client.snapshots(SNAPSHOTTER)

    async def record(self, *, key: str) -> None:
        """Containers.Create, with the snapshot's key or an empty one."""
        spec = runtime_spec(
            args=_SLEEP,
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
                snapshotter=SNAPSHOTTER if key else "",
                snapshot_key=key,
            )
        )

    async def prepare(self, *, lease: str | None = None) -> None:
        """Snapshots.Prepare, without a lease unless one is named."""
        self.mounts = await self.snapshots.prepare(self.id, parent=self.chain_id, lease=lease)

    async def create_task(self) -> None:
        """Tasks.Create on the mounts that Prepare gave."""
        await self.client.tasks.create(self.id, rootfs=self.mounts, stdout=_NULL, stderr=_NULL)

    async def start(self) -> None:
        """Tasks.Start."""
        await self.client.tasks.start(self.id)

    async def remove(self) -> None:
        """Kill, await the exit, delete task, snapshot and record; what is not there is passed over.

        It stops at the first error: a record that is gone before its task leaves the task for good.

        Raises:
            ContainerdError, TimeoutError: a part failed.
        """
        tasks = self.client.tasks
        for part in (
            partial(tasks.kill, self.id, signal=signal.SIGKILL, all_processes=False),
            self._exit,
            partial(tasks.delete, self.id),
            partial(self.snapshots.remove, self.id),
            partial(self.client.containers.delete, self.id),
        ):
            try:
                await part()
            except NotFound:
                continue

    async def _exit(self) -> None:
        async with asyncio.timeout(_EXIT_SECONDS):
            await self.client.tasks.wait_exit(self.id)
