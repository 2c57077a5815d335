"""One container's life under a profile: each step right, or wrong the way the profile says.

The right order is that of containerd's own client (CONTAINERD.md, section 4).
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from typing import Any

from iluvatar_bench.containerd.daemon.place import PLACE_LABEL
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.containerd.oci.spec import BindMount, NetworkNamespace, runtime_spec
from iluvatar_bench.containerd.values import RESTART_LABEL, ContainerRecord, ExitStatus, Mount
from iluvatar_bench.errors import InvocationFailed, ProcessDied
from iluvatar_bench.host.full_disk import full_disk_told
from iluvatar_bench.host.kernel import cgroups, processes
from iluvatar_bench.host.kernel.cgroup_names import CgroupDriver
from iluvatar_bench.host.kernel.joined_cgroup import JoinedCgroup, joined_cgroup
from iluvatar_bench.host.kernel.shims import is_shim
from iluvatar_bench.host.network.attachment import Attachment
from iluvatar_bench.host.oci_runtime import runtime_path
from iluvatar_bench.host.tails import Tail, read_tail
from iluvatar_bench.lifecycle.cgroup_choice import chosen_cgroup
from iluvatar_bench.lifecycle.invocation import Invocation, Invoker
from iluvatar_bench.lifecycle.kill_log import KillLog
from iluvatar_bench.lifecycle.readiness import READY_TEXT, wait_for_text
from iluvatar_bench.lifecycle.snapshot_reference import SnapshotReference
from iluvatar_bench.lifecycle.start_barrier import (
    BARRIER_IN_CONTAINER,
    BARRIER_VARIABLE,
    WAITING_TEXT,
    StartBarrier,
    barrier_at,
)
from iluvatar_bench.lifecycle.steps import Progress
from iluvatar_bench.profiles.profile import Profile

RUNTIME = "io.containerd.runc.v2"
STARTUP_SECONDS = 20.0
INVOKE_SECONDS = 30.0
DEATH_NEWS_SECONDS = 0.5

SOCKETS_IN_CONTAINER = "/run/iluvatar-bench.sockets"
SOCKET_VARIABLE = "ILUVATAR_BENCH_SOCKET"
"""Names the socket that a function behind one listens at."""


class Container:
    """A container of one profile on one node.

    Use it in this order: :meth:`create`, :meth:`start`, :meth:`stay_alive`, then
    ``remove_container``; after a failure that one alone. ``close`` releases what belongs to this
    process.
    """

    def __init__(
        self,
        container_id: str,
        *,
        node: Node,
        image: ImportedImage,
        profile: Profile,
        kills: KillLog,
        creations: asyncio.Semaphore | None = None,
    ) -> None:
        self.id = container_id
        self.node = node
        self.image = image
        self.profile = profile
        self.kills = kills
        self.progress = Progress()
        self.exited: asyncio.Future[ExitStatus] | None = None
        self.attachment: Attachment | None = None
        """The container's network; without one the runtime makes a namespace with loopback."""
        self.invocations: list[Invocation] = []
        """Every invocation of this container, in the order of their ends."""
        self.pid: int | None = None
        self.shim_pid: int | None = None
        """The shim that made the process: known, because it is the parent, once the task is."""
        self.joined: JoinedCgroup | None = None
        """The cgroup that the process was in once the task was made; None: not known."""
        self.reference = SnapshotReference(
            container_id, node=node, image=image, profile=profile, progress=self.progress
        )
        self.snapshots = self.reference.snapshots
        self._driver = CgroupDriver(profile.cgroup_driver)
        self._cgroup = chosen_cgroup(
            profile,
            parent=node.cgroup_parent,
            container_id=container_id,
            unified=node.unified,
        )
        self.folder = node.scratch / container_id
        self.stdout = self.folder / "stdout"
        self.stderr = self.folder / "stderr"
        self._barrier: StartBarrier | None = None
        self._resources = ExitStack()
        self.memory_limit_bytes = profile.limits.memory_limit_bytes
        """The limit that this client gave it last; 0: none."""
        self._creations = creations
        self._turn = ExitStack()
        """Ends the container's turn among those that are being made."""

    @property
    def cgroup(self) -> str:
        """The path of the container's cgroup below each hierarchy."""
        return self._cgroup.path

    @property
    def snapshot_key(self) -> str:
        """The key of the container's own snapshot: its id."""
        return self.reference.key

    @property
    def mounts(self) -> tuple[Mount, ...]:
        """What its root file system is mounted with; empty until the snapshot is made."""
        return self.reference.mounts

    async def create(self) -> None:
        """Make snapshot, record and task, in the order and under the protection of the profile.

        Raises:
            DiskFull: there is no room for what it will print; nothing was asked of containerd.
            ContainerdError: a request failed.
        """
        with full_disk_told(self.folder):
            self._prepare_folder()
        await self._take_turn()
        try:
            await self.reference.prepare(self._create_record)
            await self.reference.collect("before_mount")
            await self._create_task()
        except BaseException:
            self._turn.close()
            raise

    async def _take_turn(self) -> None:
        """Wait until few enough containers are being made. The turn ends with Start's answer."""
        if self._creations is not None:
            with self.progress.span("turn"):
                await self._creations.acquire()
            self._turn.callback(self._creations.release)

    def _prepare_folder(self) -> None:
        self.folder.mkdir(mode=0o700)
        self._resources.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.stdout.touch()
        self.stderr.touch()
        if self.profile.collection == "during_startup":
            self._barrier = self._resources.enter_context(barrier_at(self.folder / "barrier"))

    async def _create_record(self) -> None:
        snapshotter, snapshot_key = self.reference.named
        with self.progress.measure("create_ms"), self.progress.asking_for("record"):
            await self.node.client.containers.create(
                ContainerRecord(
                    id=self.id,
                    image=self.image.name,
                    runtime=RUNTIME,
                    spec=self._spec(),
                    snapshotter=snapshotter,
                    snapshot_key=snapshot_key,
                    labels={PLACE_LABEL: self.node.id, **self._restart_label()},
                )
            )
        self.progress.record_created = True

    def _restart_label(self) -> dict[str, str]:
        return {RESTART_LABEL: "running"} if self.profile.restart == "running" else {}

    def _spec(self) -> dict[str, object]:
        binds = []
        env = dict(self.image.env)
        if self._barrier is not None:
            binds.append(BindMount(str(self._barrier.path), BARRIER_IN_CONTAINER, read_only=False))
            env[BARRIER_VARIABLE] = BARRIER_IN_CONTAINER
        network = NetworkNamespace()
        if self.attachment is not None and self.attachment.socket is not None:
            env[SOCKET_VARIABLE] = f"{SOCKETS_IN_CONTAINER}/{self.attachment.socket.name}"
            folder = str(self.attachment.socket.parent)
            binds.append(BindMount(folder, SOCKETS_IN_CONTAINER, read_only=False))
        elif self.attachment is not None:
            env.update(HOST=self.attachment.address, PORT=str(self.attachment.port))
            namespace = self.attachment.namespace
            network = NetworkNamespace(path=namespace, of_host=namespace is None)
        return runtime_spec(
            args=self.image.args,
            env=env,
            cwd=self.image.cwd,
            hostname=self.id[-63:],
            cgroups_path=self._cgroup.spec,
            cgroup_v2=self.node.unified,
            binds=binds,
            network=network,
            limits=self.profile.limits,
        )

    async def _create_task(self) -> None:
        with self.progress.measure("task_create_ms"):
            # Set before the request: a lost answer may have made a task.
            self.progress.task_created = True
            if self._cgroup.shims is not None:
                cgroups.make(self._cgroup.shims)
            self.pid = await self.node.client.tasks.create(
                self.id,
                rootfs=self.mounts,
                stdout=self.stdout,
                stderr=self.stderr,
                runtime_binary=self.node.runtime_binary or runtime_path(self.profile.runtime),
                runc_root=self.node.runc_root,
                systemd_cgroup=self._driver is CgroupDriver.SYSTEMD,
                shim_cgroup=self._cgroup.shims or "",
            )
        self.shim_pid = processes.parent_of(self.pid)
        if self.shim_pid is not None and is_shim(self.shim_pid):
            self.joined = joined_cgroup(self.pid, self.cgroup)
        # Before Start, so that no exit can be missed.
        self.watch_exit()
        await asyncio.sleep(self.profile.start_delay_ms / 1000)
        await self.reference.collect("before_start")

    def watch_exit(self) -> None:
        """Ask containerd to tell of the exit; again, where the first wait broke with the daemon."""
        self.exited = asyncio.ensure_future(self.node.client.tasks.wait_exit(self.id))
        self._resources.callback(_discard, self.exited)

    async def start(self, *, ready_seconds: float = STARTUP_SECONDS) -> None:
        """Start the process and wait until it says that it is ready.

        Raises:
            StartupFailed: it ended or stayed silent.
            ContainerdError: a request failed.
        """
        await self.run()
        await self.reference.started()
        with self.progress.measure("ready_ms"):
            if self._barrier is not None:
                await self._wait_for(WAITING_TEXT, ready_seconds)
                await self.reference.collect("during_startup")
                self._barrier.open()
            await self._wait_for(self.image.ready_text or READY_TEXT, ready_seconds)
        self.progress.ready_at = time.time()
        await self.reference.collect("after_ready")

    async def run(self) -> None:
        """Start the process, ready or not.

        Raises:
            ContainerdError: the request failed.
        """
        with self._turn, self.progress.measure("start_ms"):
            await self.node.client.tasks.start(self.id)

    async def _wait_for(self, text: str, seconds: float) -> None:
        assert self.exited is not None
        await wait_for_text(
            text,
            container_id=self.id,
            stdout=self.stdout,
            stderr=self.stderr,
            exited=self.exited,
            seconds=seconds,
        )

    async def stay_alive(
        self, seconds: float | None, *, until: asyncio.Future[Any] | None = None
    ) -> None:
        """Let a ready container be for a while (None: for ever), or until ``until`` is done.

        Raises:
            ProcessDied: it ended meanwhile, and ``until`` was not done.
        """
        assert self.exited is not None
        awaited = {self.exited} if until is None else {self.exited, until}
        self.progress.begin("alive")
        with self.progress.span("alive"):
            await asyncio.wait(awaited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if self.exited.done() and (until is None or not until.done()):
                raise self.death(self.exited.result())

    async def invoke(
        self,
        invoker: Invoker,
        args: Mapping[str, Any],
        *,
        timeout_seconds: float = INVOKE_SECONDS,
    ) -> Invocation:
        """Run the function once over HTTP; its first invocation is a step of its own.

        Raises:
            ProcessDied: there was no good answer, because the process had ended.
            InvocationFailed: there was none though the process lives.
            AddressRefused: the container's network is not ours any more; nothing was sent.
        """
        assert self.attachment is not None
        assert self.exited is not None
        self.progress.begin("invoke")
        with self.progress.span("invoke"):
            invocation = await invoker.invoke(
                self.attachment, args, timeout_seconds=timeout_seconds
            )
        self.invocations.append(invocation)
        if invocation.ok:
            if invocation.first:
                self.progress.steps["first_invoke_ms"] = invocation.duration_ms
            return invocation
        # A connection that ends tells of a death before containerd does.
        await asyncio.wait((self.exited,), timeout=DEATH_NEWS_SECONDS)
        if self.exited.done():
            raise self.death(self.exited.result())
        raise InvocationFailed(
            f"container {self.id} did not answer an invocation ({invocation.cause}): "
            f"{invocation.error}",
            container_id=self.id,
        )

    def death(self, status: ExitStatus) -> ProcessDied:
        """The error for a ready process that ended though nobody asked it to."""
        self.progress.step = "alive"
        self.progress.death_seen = True
        if status.exited_at is not None:
            self.progress.end_life(status.exited_at.timestamp())
        return ProcessDied(
            f"container {self.id} was ready and ended with status {status.status} "
            "though this client had not killed it",
            container_id=self.id,
        )

    def output_tails(self) -> tuple[Tail, Tail]:
        """The ends of stdout and stderr; complete once the task is deleted."""
        return read_tail(self.stdout), read_tail(self.stderr)

    def close(self) -> None:
        """Release the turn, the wait, the barrier and the folder of this container."""
        self._turn.close()
        self._resources.close()


def _discard(future: asyncio.Future[ExitStatus]) -> None:
    """Cancel a wait nobody needs any more; its late error, if any, is nobody's either."""
    future.cancel()
    future.add_done_callback(lambda done: done.cancelled() or done.exception())


@asynccontextmanager
async def open_container(
    container_id: str,
    *,
    node: Node,
    image: ImportedImage,
    profile: Profile,
    kills: KillLog,
    creations: asyncio.Semaphore | None = None,
) -> AsyncIterator[Container]:
    """A container whose process-side resources are released at the end of the block.

    ``creations`` is shared by those of which only so many are made at a time.
    """
    container = Container(
        container_id, node=node, image=image, profile=profile, kills=kills, creations=creations
    )
    try:
        yield container
    finally:
        container.close()
