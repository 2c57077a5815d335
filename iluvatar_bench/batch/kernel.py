"""The kernel of one notebook run: of this interpreter, on sockets of its own."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

_LONGEST_SOCKET = 107
"""A Unix socket's path has at most so many bytes (unix(7))."""


class PrivateKernelManager(AsyncKernelManager):
    """Starts the kernel that serves a notebook, whatever kernels this host has registered."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """This interpreter's. ``-P``: the folder that a user stands in shadows no module."""
        module = "iluvatar_bench.batch.kernel_process"
        argv = [sys.executable, "-P", "-m", module, "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Python 3", language="python")

    def interrupt(self) -> None:
        """SIGINT to the kernel alone: the programs that it has started are its own to end."""
        self._send_signal(kill=False)

    def kill(self) -> None:
        """SIGKILL to the kernel."""
        self._send_signal(kill=True)

    def _send_signal(self, *, kill: bool) -> None:
        process: Any = getattr(self.provisioner, "process", None)
        if process is not None:
            # Popen's own: it never signals a number that is another process's by now.
            process.send_signal(signal.SIGKILL if kill else signal.SIGINT)


@contextmanager
def private_kernel() -> Iterator[PrivateKernelManager]:
    """A kernel's manager; its connection file and its sockets are in a folder of their own.

    Jupyter's default for sockets in the file system is ``kernel-ipc-1`` to ``-5`` in the folder
    that the caller stands in: two kernels that start at once bind the same ones, and each drops
    what was sent by the other's client as wrongly signed.
    """
    home = Path(tempfile.mkdtemp(prefix="ib-kernel-", dir=_short_folder()))
    manager = PrivateKernelManager(
        kernel_name="python3",
        transport="ipc",
        ip=str(home / "k"),
        connection_file=str(home / "kernel.json"),
    )
    try:
        yield manager
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _short_folder() -> str:
    """The folder for temporary files, unless a socket's path would be too long there."""
    usual = tempfile.gettempdir()
    longest = Path(usual) / "ib-kernel-01234567" / "k-5"
    return usual if len(bytes(longest)) <= _LONGEST_SOCKET else "/tmp"
