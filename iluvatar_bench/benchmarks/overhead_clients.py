"""Whole lifecycles of ``/bin/true`` by several clients: ours, ``ctr``, runc without containerd.

Each function does a number of them and gives the seconds that they took. One that does not end
well ends the measurement: a client that fails quickly would be called a fast one.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from iluvatar_bench.benchmarks.call_clock import TimedCall, TimedChannel, share_outside
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.containerd.oci.spec import runtime_spec
from iluvatar_bench.errors import EnvironmentProblem
from iluvatar_bench.host.task_group import task_group
from iluvatar_bench.lifecycle import KillLog, remove_container
from iluvatar_bench.lifecycle.container import open_container
from iluvatar_bench.monitor import Monitor, open_monitor, open_witness
from iluvatar_bench.profiles import resolve_profile
from iluvatar_bench.runs.observations import ObservationJournals
from iluvatar_bench.runs.store import RunFolder

_LEASE_SECONDS = 86_400.0
"""Of what is mounted for a whole measurement: longer than any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnBatch:
    """Lifecycles of ours: ``cpu_seconds`` are those of this process, all its threads.

    ``outside`` is the share of the time outside of all calls; it says something where one lifecycle
    follows the other.
    """

    seconds: float
    cpu_seconds: float
    outside: float
    calls: tuple[TimedCall, ...]


async def own_lifecycles(
    node: Node,
    channel: TimedChannel,
    image: ImportedImage,
    *,
    count: int,
    concurrency: int,
    watched: bool,
) -> OwnBatch:
    """Do ``count`` lifecycles under the guarded profile, with monitor and witness if ``watched``.

    ``node`` is asked through ``channel``, which notes the calls.

    Raises:
        EnvironmentProblem: a container did not end well.
        ContainerdError: a request failed.
    """
    waiting = iter(range(count))
    kills = KillLog()

    async def work(monitor: Monitor | None) -> None:
        for _ in waiting:
            await _own_lifecycle(node, image, kills, monitor)

    async with AsyncExitStack() as stack:
        monitor = await stack.enter_async_context(_watching(node)) if watched else None
        channel.taken()
        began, cpu = time.perf_counter(), time.process_time()
        async with task_group() as group:
            for _ in range(concurrency):
                group.create_task(work(monitor))
        ended, cpu_ended = time.perf_counter(), time.process_time()
        calls = channel.taken()
    return OwnBatch(
        seconds=ended - began,
        cpu_seconds=cpu_ended - cpu,
        outside=share_outside(calls, began=began, ended=ended),
        calls=tuple(calls),
    )


@asynccontextmanager
async def _watching(node: Node) -> AsyncIterator[Monitor]:
    """Monitor and witness as of a run, with journals to write to."""
    with tempfile.TemporaryDirectory(prefix="iluvatar-bench-") as name:
        folder = RunFolder(Path(name))
        try:
            async with (
                open_witness() as witness,
                open_monitor(
                    node.client, sink=ObservationJournals(folder), witness=witness
                ) as monitor,
            ):
                yield monitor
        finally:
            folder.close()


async def _own_lifecycle(
    node: Node, image: ImportedImage, kills: KillLog, monitor: Monitor | None
) -> None:
    async with open_container(
        _name(), node=node, image=image, profile=resolve_profile("guarded"), kills=kills
    ) as container:
        try:
            await container.create()
            if monitor is not None:
                assert container.pid is not None
                monitor.watch(container.id, container.pid, exited=container.exited)
            await container.run()
            assert container.exited is not None
            status = await container.exited
        finally:
            if monitor is not None:
                monitor.expect_end(container.id)
            await remove_container(container)
            if monitor is not None:
                monitor.unwatch(container.id)
    if status.status != 0:
        raise EnvironmentProblem(f"container {container.id} ended with status {status.status}")


_CTR_LOOP = """
done=0
while [ "$done" -lt "$COUNT" ]; do
  ctr --address "$ADDRESS" --namespace "$NAMESPACE" run --rm --null-io --runc-root "$RUNC_ROOT" \
    --cgroup "$CGROUP/$NAME-$done" "$IMAGE" "$NAME-$done" /bin/true
  done=$((done + 1))
done
"""

_RUNC_LOOP = """
done=0
while [ "$done" -lt "$COUNT" ]; do
  runc --root "$RUNC_ROOT" run --bundle "$BUNDLE" "$NAME-$done"
  done=$((done + 1))
done
"""


async def ctr_lifecycles(node: Node, image: ImportedImage, *, count: int) -> float:
    """``ctr run --rm``, one after the other; the seconds that all took.

    Raises:
        EnvironmentProblem: one failed; its last line is in the message.
    """
    return await _loop(
        _CTR_LOOP,
        count,
        ADDRESS=str(node.address),
        NAMESPACE=node.client.namespace,
        RUNC_ROOT=str(node.runc_root),
        CGROUP=node.cgroup_parent,
        IMAGE=image.name,
    )


async def runc_lifecycles(node: Node, bundle: Path, *, count: int) -> float:
    """``runc run`` of a bundle of :func:`runc_bundle`, one after the other; the seconds of all.

    Raises:
        EnvironmentProblem: one failed; its last line is in the message.
    """
    return await _loop(_RUNC_LOOP, count, RUNC_ROOT=str(node.runc_root), BUNDLE=str(bundle))


async def _loop(script: str, count: int, **variables: str) -> float:
    """Run the loop in a shell, so that our own process starts nothing while it is timed."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *("sh", "-ec", script),
        env={**os.environ, **variables, "COUNT": str(count), "NAME": _name()},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        # As containerd has: the kernel shares processors out by session (sched(7), autogroup).
        start_new_session=True,
    )
    _, said = await process.communicate()
    seconds = time.perf_counter() - began
    if process.returncode != 0:
        last = (said.decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
        raise EnvironmentProblem(f"a client that was to be measured failed: {last}")
    return seconds


@asynccontextmanager
async def runc_bundle(node: Node, image: ImportedImage) -> AsyncIterator[Path]:
    """A bundle for runc alone, on the same overlay that containerd's containers have.

    Raises:
        EnvironmentProblem: it cannot be mounted.
    """
    bundle = node.scratch / "bundle"
    bundle.mkdir(mode=0o700)
    async with mounted_snapshot(node, image, bundle / "rootfs"):
        spec = runtime_spec(
            args=image.args,
            env=image.env,
            cwd=image.cwd,
            hostname="bundle",
            cgroups_path=f"{node.cgroup_parent}/bundle",
            cgroup_v2=node.unified,
        )
        (bundle / "config.json").write_text(json.dumps(spec))
        yield bundle


@asynccontextmanager
async def mounted_snapshot(node: Node, image: ImportedImage, target: Path) -> AsyncIterator[None]:
    """A snapshot of the image of its own, mounted at ``target`` as containerd would.

    Raises:
        EnvironmentProblem: it cannot be mounted.
    """
    snapshots = node.client.snapshots("overlayfs")
    async with node.client.leases.hold("overhead", seconds=_LEASE_SECONDS) as lease:
        key = _name()
        (mount,) = await snapshots.prepare(key, parent=image.chain_id, lease=lease)
        try:
            with _mounted(mount.type, mount.source, mount.options, target):
                yield
        finally:
            await snapshots.remove(key)


_MOUNT_AT_ONCE = {"LIBMOUNT_FORCE_MOUNT2": "always"}
"""By mount(2): fsconfig(2), which util-linux from 2.39 on prefers, takes at most 255 bytes of an
option, and an overlay's lower folders are more."""


@contextmanager
def _mounted(kind: str, source: str, options: tuple[str, ...], target: Path) -> Iterator[None]:
    target.mkdir()
    done = subprocess.run(
        ["mount", "-t", kind, "-o", ",".join(options), source, str(target)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **_MOUNT_AT_ONCE},
    )
    if done.returncode != 0:
        raise EnvironmentProblem(f"cannot mount a {kind}: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(target)], check=True)
        target.rmdir()


def _name() -> str:
    return f"overhead-{secrets.token_hex(6)}"
