"""A lock that another process holds is waited for, not for ever, and not by the event loop."""

from __future__ import annotations

import asyncio
import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from iluvatar_bench.errors import UnusablePath
from iluvatar_bench.host.completion import in_threads
from iluvatar_bench.host.locks import lock_within
from iluvatar_bench.host.network.ownership import exclusive

HOLD = """
import fcntl, os, sys
descriptor = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR, 0o600)
fcntl.flock(descriptor, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_elsewhere(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock until its standard input ends."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    try:
        assert holder.stdout.readline() == "held\n"
        yield holder
    finally:
        holder.stdin.close()
        holder.wait()
        holder.stdout.close()


def test_a_lock_that_is_not_let_go_is_given_up_in_time(tmp_path: Path) -> None:
    home = tmp_path / "net"
    home.mkdir()
    with held_elsewhere(home / "lock"):
        words = f"{home}/lock is locked by another process for 0.1 s: whoever holds it"
        with pytest.raises(UnusablePath, match=words), exclusive(home, seconds=0.1):
            pass
    with exclusive(home, seconds=0.1):
        pass


def test_a_lock_is_got_once_it_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with held_elsewhere(path) as holder:
        descriptor = os.open(path, os.O_RDWR)
        waiter = threading.Thread(target=lock_within, args=(descriptor,), kwargs={"seconds": 30})
        waiter.start()
        assert waiter.is_alive()
        assert holder.stdin is not None
        holder.stdin.close()
        waiter.join(30)
        assert not waiter.is_alive()
        with path.open() as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(descriptor)


@contextmanager
def slow(said: list[str], go: threading.Event) -> Iterator[str]:
    assert threading.current_thread() is not threading.main_thread()
    said.append("in")
    try:
        yield "value"
    finally:
        assert threading.current_thread() is not threading.main_thread()
        assert go.wait(30)
        said.append("out")


async def test_the_event_loop_goes_on_while_something_is_taken_apart() -> None:
    said: list[str] = []
    go = threading.Event()
    # The loop itself lets the other go on: were it blocked this would never end.
    asyncio.get_running_loop().call_later(0.05, go.set)
    async with in_threads(slow(said, go)) as value:
        assert (value, said) == ("value", ["in"])
        began = time.monotonic()
    assert said == ["in", "out"]
    assert time.monotonic() - began < 25


async def test_it_is_taken_apart_to_its_end_though_nobody_waits_any_more() -> None:
    said: list[str] = []
    go = threading.Event()
    leaving = asyncio.Event()

    async def block() -> None:
        async with in_threads(slow(said, go)):
            leaving.set()

    task = asyncio.create_task(block())
    await leaving.wait()
    task.cancel()
    asyncio.get_running_loop().call_later(0.05, go.set)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert said == ["in", "out"]


async def test_an_error_of_the_block_comes_out_as_it_is() -> None:
    said: list[str] = []
    go = threading.Event()
    go.set()
    with pytest.raises(ZeroDivisionError):
        async with in_threads(slow(said, go)):
            1 / 0  # noqa: B018
    assert said == ["in", "out"]
