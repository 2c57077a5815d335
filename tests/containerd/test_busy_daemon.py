"""A busy daemon is not a dead one: only a refused or missing socket is said to be without one."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import SimpleNamespace

import grpc
import pytest

from iluvatar_bench import errors
from iluvatar_bench.audit import audit_daemon
from iluvatar_bench.containerd import client as client_module
from iluvatar_bench.containerd.channel import CHANGE_SECONDS
from iluvatar_bench.containerd.client import connect
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.transport_words import Said, said_by_library
from iluvatar_bench.host.kernel.listener import listener_at
from tests.support.command import command
from tests.support.fake_containerd import fake_containerd
from tests.support.stopped import stop_process

SHIM = 'connection error: desc = "transport: dial unix /run/s/1: connect: connection refused"'


@asynccontextmanager
async def stopped(node: Node, *, seconds: float | None = None) -> AsyncIterator[None]:
    """The daemon stands still for the length of the block, or goes on within it."""
    daemon = listener_at(node.address)
    assert daemon is not None
    stop_process(daemon.pid)
    resume = lambda: os.kill(daemon.pid, signal.SIGCONT)  # noqa: E731
    timer = asyncio.get_running_loop().call_later(seconds, resume) if seconds else None
    try:
        yield
    finally:
        if timer is not None:
            timer.cancel()
        resume()


@pytest.mark.daemon
@pytest.mark.parametrize("seconds", [0.15, 1.0])
async def test_a_daemon_that_stood_still_for_a_moment_is_waited_for(
    quiet_node: Node, seconds: float
) -> None:
    async with stopped(quiet_node, seconds=seconds), connect(quiet_node.address) as client:
        assert await client.containers.list() == ()
    async with stopped(quiet_node, seconds=seconds):
        assert (await audit_daemon(quiet_node.address)).counts["containers"] == 0
    async with stopped(quiet_node, seconds=seconds):
        assert await quiet_node.client.containers.list() == ()


@pytest.mark.daemon
async def test_a_daemon_that_stands_still_is_not_called_dead(quiet_node: Node) -> None:
    words = rf"containerd at {quiet_node.address} does not answer within 0\.5 s"
    async with stopped(quiet_node):
        with pytest.raises(errors.DeadlineExceeded, match=words):
            async with connect(quiet_node.address, seconds=0.5):
                pass
        with pytest.raises(errors.DeadlineExceeded, match=words):
            await audit_daemon(quiet_node.address, connect_seconds=0.5)
        # On a connection that was there before.
        with pytest.raises(errors.DeadlineExceeded, match=words):
            await quiet_node.client.introspection.version(seconds=0.5)
    async with connect(quiet_node.address) as client:
        assert await client.containers.list() == ()


async def test_a_daemon_that_is_gone_is_called_so_at_once(short_folder: Path) -> None:
    """On a client that was connected, too."""
    async with fake_containerd(short_folder / "s") as fake, connect(short_folder / "s") as client:
        await fake.stop()
        # A call that meets the old connection before its end is known is told that it broke.
        with pytest.raises((errors.Unreachable, errors.Unavailable), match=r"answers at|broke"):
            await asyncio.wait_for(client.containers.list(), 5)
        with pytest.raises(errors.Unreachable, match="no containerd answers at") as raised:
            await asyncio.wait_for(client.containers.list(), 5)
    assert not isinstance(raised.value, errors.NotConnected)


async def test_the_time_that_is_told_is_the_one_that_was_given(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long this process stood still before it asked."""

    def read_and_stand_still() -> float:
        now = time.monotonic()
        time.sleep(0.06)
        return now

    monkeypatch.setattr(client_module, "time", SimpleNamespace(monotonic=read_and_stand_still))
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(short_folder / "s"))
        silent.listen()
        with pytest.raises(errors.DeadlineExceeded, match=r"does not answer within 0\.3 s"):
            async with connect(short_folder / "s", seconds=0.3):
                pass


async def test_a_full_queue_is_tried_again_and_is_no_dead_daemon(short_folder: Path) -> None:
    path = short_folder / "s"
    with full_queue(path):
        words = "containerd at .* took no connection"
        with pytest.raises(errors.NotConnected, match=words):
            async with connect(path, seconds=0.3):
                pass
    path.unlink()
    async with fake_containerd(path), connect(path):
        pass


@contextmanager
def full_queue(path: Path) -> Iterator[None]:
    """A socket whose queue of connections is full: the kernel turns further ones away."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(0)
        with socket.socket(socket.AF_UNIX) as first:
            first.connect(str(path))
            yield


async def test_a_shims_refusal_is_not_the_daemons(short_folder: Path) -> None:
    async with fake_containerd(short_folder / "s") as fake, connect(short_folder / "s") as client:
        fake.answers["Tasks.Kill"] = grpc.StatusCode.UNAVAILABLE
        for words in (SHIM, "failed to connect to all addresses; last error: UNKNOWN: unix:/x: y"):
            fake.details = words
            with pytest.raises(errors.Unavailable) as raised:
                await client.tasks.kill("some", signal=9, all_processes=False)
            assert raised.value.detail == words
        fake.answers["Tasks.Kill"] = grpc.StatusCode.DEADLINE_EXCEEDED
        fake.details = "context deadline exceeded"
        with pytest.raises(errors.DeadlineExceeded) as late:
            await client.tasks.kill("some", signal=9, all_processes=False)
        assert late.value.detail == "context deadline exceeded"


async def test_a_socket_may_have_any_name(short_folder: Path) -> None:
    """The library takes an address as a URI, in which these characters mean something."""
    folder = short_folder / "a b%41?#ä"
    folder.mkdir()
    async with fake_containerd(folder / "s"), connect(folder / "s") as client:
        assert (await client.introspection.version()).version == "0.0-fake"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(folder / "stale"))
        with pytest.raises(errors.Unreachable, match="no containerd answers at"):
            async with connect(folder / "stale"):
                pass


@pytest.mark.parametrize(
    ("code", "words", "said"),
    [
        (grpc.StatusCode.UNAVAILABLE, "Stream removed (recvmsg:Connection reset)", Said.BROKEN),
        (grpc.StatusCode.UNAVAILABLE, "ttrpc: closed", None),
        (grpc.StatusCode.UNKNOWN, "Deadline Exceeded", None),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "no space left on device", None),
        (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "CLIENT: Received message larger than max (70000000 vs. 67108864)",
            Said.TOO_LARGE,
        ),
    ],
)
def test_whose_words_they_are(code: grpc.StatusCode, words: str, said: Said | None) -> None:
    assert said_by_library(code, words, Path("/run/c.sock")) is said


@pytest.mark.daemon
@pytest.mark.slow
async def test_50_audits_beside_busy_cores_find_the_daemon_alive(quiet_node: Node) -> None:
    """Four processes for each core; the daemon's own turn comes late."""
    own = ("--address", str(quiet_node.address), "--namespace", quiet_node.client.namespace)
    with busy_cores(4 * (os.cpu_count() or 1)):
        done = [await asyncio.to_thread(command, "audit", *own) for _ in range(50)]
    assert [(one.returncode, one.stderr) for one in done] == [(0, "")] * 50


@contextmanager
def busy_cores(processes: int) -> Iterator[None]:
    # Each ends by itself, whatever becomes of the test.
    code = (
        f"import time; end = time.monotonic() + {CHANGE_SECONDS}\nwhile time.monotonic() < end: 0"
    )
    busy = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()
