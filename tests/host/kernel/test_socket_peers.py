"""Who is connected to a socket, against processes that this test starts."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

from iluvatar_bench.host.kernel.socket_peers import socket_peers

CLIENT = """
import socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
print("connected", flush=True)
sys.stdin.read()
"""


def test_the_processes_at_the_other_end(short_folder: Path) -> None:
    path = short_folder / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        assert socket_peers(path) == ()
        with subprocess.Popen(
            [sys.executable, "-c", CLIENT, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as client:
            assert client.stdout is not None
            assert client.stdout.readline() == b"connected\n"
            accepted, _ = listener.accept()
            with accepted:
                (peer,) = socket_peers(path)
                assert (peer.pid, peer.program) == (client.pid, Path(sys.executable).name)
                # Another socket has other clients.
                assert socket_peers(short_folder / "other") == ()
            client.stdin.close() if client.stdin else None
        # One's own connections are not told.
        with socket.socket(socket.AF_UNIX) as own:
            own.connect(str(path))
            mine, _ = listener.accept()
            mine.close()
            assert socket_peers(path) == ()
