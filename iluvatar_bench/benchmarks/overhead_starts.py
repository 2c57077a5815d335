"""What a container adds to a function: to its start, and to each of its invocations.

Beside a cold start stands the same process in a chroot on an overlay of the same layers; beside an
invocation of ours one by Python's own HTTP client from inside the container's network.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from iluvatar_bench.benchmarks.overhead_clients import mounted_snapshot
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.containerd.values import ExitStatus
from iluvatar_bench.errors import EnvironmentProblem, MissingProgram, NetworkError
from iluvatar_bench.host.kernel import netns
from iluvatar_bench.host.network.attachment import NetworkMode, NetworkSettings
from iluvatar_bench.host.network.network_pool import open_pool
from iluvatar_bench.host.network.networks import open_network
from iluvatar_bench.lifecycle import KillLog, remove_container
from iluvatar_bench.lifecycle.container import STARTUP_SECONDS, open_container
from iluvatar_bench.lifecycle.invocation import open_invoker
from iluvatar_bench.lifecycle.readiness import READY_TEXT, wait_for_text
from iluvatar_bench.profiles import resolve_profile

BLOCK = 10
"""Invocations in a row by one of both clients."""

_ARGUMENTS = {"name": "overhead"}


async def container_start_ms(
    node: Node, image: ImportedImage, *, name: str, ready_seconds: float = STARTUP_SECONDS
) -> float:
    """From the first request to containerd until the function says that it is ready.

    Raises:
        ContainerdError, StartupFailed: it did not become ready.
    """
    async with open_container(
        name, node=node, image=image, profile=resolve_profile("guarded"), kills=KillLog()
    ) as container:
        try:
            began = time.perf_counter()
            await container.create()
            await container.start(ready_seconds=ready_seconds)
            return 1000 * (time.perf_counter() - began)
        finally:
            await remove_container(container)


async def chroot_start_ms(
    node: Node, image: ImportedImage, *, name: str, ready_seconds: float = STARTUP_SECONDS
) -> float:
    """From the start of the same process in a chroot until it says that it is ready.

    The overlay is mounted before; the process has the host's network, at a port that is free.

    Raises:
        EnvironmentProblem: the overlay cannot be mounted, or chroot is not there.
        StartupFailed: it did not become ready.
    """
    folder = node.scratch / name
    folder.mkdir(mode=0o700)
    stdout, stderr = folder / "stdout", folder / "stderr"
    never: asyncio.Future[ExitStatus] = asyncio.get_running_loop().create_future()
    async with mounted_snapshot(node, image, folder / "rootfs"):
        with stdout.open("wb") as out, stderr.open("wb") as err:
            began = time.perf_counter()
            with _in_chroot(folder / "rootfs", image, out, err):
                await wait_for_text(
                    image.ready_text or READY_TEXT,
                    container_id=name,
                    stdout=stdout,
                    stderr=stderr,
                    exited=never,
                    seconds=ready_seconds,
                )
                return 1000 * (time.perf_counter() - began)


@contextmanager
def _in_chroot(root: Path, image: ImportedImage, out: IO[bytes], err: IO[bytes]) -> Iterator[None]:
    # Looked up here: the environment is the image's, and its PATH need not have it.
    program = shutil.which("chroot")
    if program is None:
        raise MissingProgram(
            "chroot is not on PATH; on Debian or Ubuntu it is in /usr/sbin, of coreutils"
        )
    process = subprocess.Popen(
        [program, str(root), *image.args],
        env={**image.env, "HOST": "127.0.0.1", "PORT": str(_free_port())},
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        # As containerd has, and so its containers: the kernel shares processors out by session
        # (sched(7), autogroup).
        start_new_session=True,
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return int(chosen.getsockname()[1])


async def invocation_ms(
    node: Node,
    image: ImportedImage,
    *,
    name: str,
    blocks: int,
    ready_seconds: float = STARTUP_SECONDS,
) -> tuple[list[float], list[float]]:
    """Warm invocations of one container: by our client, and by one that is as near as can be.

    Both make a connection for each. They take turns, :data:`BLOCK` at a time.

    Raises:
        ContainerdError, StartupFailed, InvocationFailed: the container did not do its part.
    """
    own: list[float] = []
    direct: list[float] = []
    settings = NetworkSettings(mode=NetworkMode.LOOPBACK)
    async with (
        open_network(settings) as network,
        open_pool(network, size=0) as pool,
        open_invoker(network.book) as invoker,
        open_container(
            name, node=node, image=image, profile=resolve_profile("guarded"), kills=KillLog()
        ) as container,
    ):
        container.attachment = await pool.acquire()
        try:
            await container.create()
            await container.start(ready_seconds=ready_seconds)
            await container.invoke(invoker, _ARGUMENTS)
            for _ in range(blocks):
                for _ in range(BLOCK):
                    own.append((await container.invoke(invoker, _ARGUMENTS)).duration_ms)
                assert container.attachment.namespace is not None
                ask = partial(
                    _direct_ms, container.attachment.address, container.attachment.port, BLOCK
                )
                inside = partial(netns.run_inside, container.attachment.namespace, ask)
                direct += await asyncio.to_thread(inside)
        finally:
            await remove_container(container)
            await pool.release(container.attachment)
    return own, direct


def _direct_ms(address: str, port: int, count: int) -> list[float]:
    """So many invocations from within this network, a connection each."""
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        connection = http.client.HTTPConnection(address, port, timeout=STARTUP_SECONDS)
        try:
            body = json.dumps(_ARGUMENTS)
            connection.request("POST", "/invoke", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
        except OSError as error:
            raise NetworkError(f"a direct invocation failed: {error}") from error
        finally:
            connection.close()
        taken.append(1000 * (time.perf_counter() - began))
        if answer.status != 200:
            raise EnvironmentProblem(f"a direct invocation was answered with {answer.status}")
    return taken
