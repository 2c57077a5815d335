from __future__ import annotations

import asyncio
import socket
import threading
from functools import partial
from pathlib import Path

import pytest

from iluvatar_bench.errors import NetworkError
from iluvatar_bench.host.completion import call_to_end
from iluvatar_bench.host.kernel import netns
from tests.support.networks import needs_root

pytestmark = needs_root()


def here() -> str:
    return str(Path("/proc/thread-self/ns/net").readlink())


def test_a_namespace_has_its_loopback_up_and_is_not_ours(tmp_path: Path) -> None:
    path = tmp_path / "ilb-x"
    before = here()
    netns.create_namespace(path)
    try:
        assert netns.exists_namespace(path)
        assert netns.run_inside(path, here) != before
        assert here() == before

        def converse() -> bytes:
            with (
                socket.create_server(("127.0.0.1", 0)) as server,
                socket.create_connection(server.getsockname(), timeout=10) as client,
            ):
                client.sendall(b"hello")
                peer, _ = server.accept()
                with peer:
                    return peer.recv(5)

        assert netns.run_inside(path, converse) == b"hello"
    finally:
        netns.delete(path)
    assert not netns.exists_namespace(path)
    assert not path.exists()
    netns.delete(path)


def test_a_socket_stays_in_the_namespace_that_it_was_made_in(tmp_path: Path) -> None:
    path = tmp_path / "ilb-x"
    netns.create_namespace(path)
    try:
        listen = partial(socket.create_server, ("127.0.0.1", 0))
        with netns.run_inside(path, listen) as server, pytest.raises(ConnectionRefusedError):
            socket.create_connection(server.getsockname(), timeout=10)
    finally:
        netns.delete(path)


def test_no_thread_is_left_in_a_namespace(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    path = tmp_path / "ilb-x"
    netns.create_namespace(path)
    netns.run_inside(path, here)
    netns.delete(path)
    assert set(threading.enumerate()) <= before


def test_a_name_is_not_given_twice(tmp_path: Path) -> None:
    path = tmp_path / "ilb-x"
    netns.create_namespace(path)
    try:
        with pytest.raises(
            NetworkError, match="cannot make the network namespace ilb-x: File exis"
        ):
            netns.create_namespace(path)
        assert netns.exists_namespace(path)
    finally:
        netns.delete(path)


def test_a_namespace_that_is_not_there_cannot_be_entered(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="cannot enter the network namespace ilb-x: No such"):
        netns.run_inside(tmp_path / "ilb-x", here)
    # The file that is left when somebody else has unmounted it is not a namespace.
    (tmp_path / "ilb-y").touch()
    assert not netns.exists_namespace(tmp_path / "ilb-y")
    with pytest.raises(NetworkError, match="cannot enter the network namespace ilb-y: Invalid"):
        netns.run_inside(tmp_path / "ilb-y", here)


def test_an_error_inside_comes_out_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "ilb-x"
    netns.create_namespace(path)
    try:
        with pytest.raises(ZeroDivisionError):
            netns.run_inside(path, lambda: 1 // 0)
    finally:
        netns.delete(path)


async def test_what_a_cancelled_call_makes_is_undone(tmp_path: Path) -> None:
    path = tmp_path / "ilb-x"
    go_on = threading.Event()
    started = threading.Event()

    def create_late() -> None:
        started.set()
        go_on.wait(10)
        netns.create_namespace(path)

    call = asyncio.create_task(call_to_end(create_late, undo=lambda _: netns.delete(path)))
    await asyncio.to_thread(started.wait, 10)
    call.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not path.exists()
