"""Who listens at a socket: a process and its start, or nobody."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from iluvatar_bench.host.kernel.listener import Listener, listener_at

SERVER = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
print("listening", flush=True)
sys.stdin.read()
"""


def test_it_is_the_process_that_listens(short_folder: Path) -> None:
    path = short_folder / "s"
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"listening\n"
        found = listener_at(path)
        assert found == Listener(server.pid, psutil.Process(server.pid).create_time())
        assert found == listener_at(path)
        assert found.pid != os.getpid()
        server.communicate()
    # The socket's file is still there.
    with pytest.raises(ConnectionRefusedError):
        listener_at(path)


def test_without_a_socket_nobody_does(short_folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        listener_at(short_folder / "none")
    path = short_folder / "ours"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        found = listener_at(path)
    assert found is not None
    assert found.pid == os.getpid()
