"""The folder of a proxy's inner socket, and what a proxy that was killed leaves.

``/run/iluvatar-bench-proxy-<random>`` holds the socket of the server behind the front and a file
``lock``, which names the socket that clients use. The proxy holds its lock (flock) as long as it
lives, however it ends: a folder whose lock can be taken was left behind.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from iluvatar_bench.host.locks import make_locked, try_lock

SOCKET_HOME = Path("/run")
"""A short path, on a file system that a reboot empties."""

PREFIX = "iluvatar-bench-proxy-"
_LOCK = "lock"
INNER_SOCKET = "server.sock"

_CLAIM_SECONDS = 60.0
"""No owner takes longer than this from making the folder to holding its lock."""


@contextmanager
def own_folder(listen: Path, *, home: Path = SOCKET_HOME) -> Iterator[Path]:
    """A folder of mode 0700 for the length of a block, for the proxy that listens at ``listen``.

    Raises:
        OSError: it cannot be made.
    """
    # The lock is let go after the folder: whoever cleans would take that for one that was left.
    with ExitStack() as held, tempfile.TemporaryDirectory(prefix=PREFIX, dir=home) as name:
        folder = Path(name)
        held.callback(os.close, make_locked(folder / _LOCK, str(listen.absolute())))
        yield folder


def remove_abandoned_proxies(home: Path = SOCKET_HOME) -> tuple[list[str], list[str]]:
    """Remove the folders of proxies that are gone, and the sockets that they listened at.

    Returns:
        the folders removed, and what could not be removed, with the reason.
    """
    removed, problems = [], []
    for folder in sorted(home.glob(f"{PREFIX}*")):
        try:
            if _remove_if_abandoned(folder):
                removed.append(str(folder))
        except FileNotFoundError:
            # Its owner was quicker.
            continue
        except OSError as error:
            problems.append(f"{folder}: {error.strerror}")
    return removed, problems


def _remove_if_abandoned(folder: Path) -> bool:
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        # Without a lock nobody owns it, unless its owner is just about to make the lock.
        young = time.time() - folder.stat().st_mtime < _CLAIM_SECONDS
        if young or somebody_listens(folder / INNER_SOCKET):
            return False
        shutil.rmtree(folder)
        return True
    with try_lock(descriptor) as held:
        if not held:
            return False
        listen = Path((folder / _LOCK).read_text())
        # What somebody else has made at that path since is theirs.
        if listen.is_absolute() and listen.is_socket() and not somebody_listens(listen):
            listen.unlink(missing_ok=True)
        shutil.rmtree(folder)
        return True


def somebody_listens(path: Path) -> bool:
    """Whether a connection to the socket is taken, or waits to be; False where there is none."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1.0)
        try:
            client.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
    return True
