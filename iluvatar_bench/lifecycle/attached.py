"""A process that somebody else has started: its streams where containerd says that they are.

Containerd keeps paths, and no stream: whoever comes later opens them again, as its own client does
(containerd, client/container.go, ``loadTask`` with ``cio.Attach``). A regular file has everything
from the beginning; of a FIFO each byte goes to one reader only.
"""

from __future__ import annotations

import asyncio
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.values import ExitStatus, TaskInfo
from iluvatar_bench.errors import UsageError

_CHUNK_BYTES = 1 << 16


@dataclass(slots=True)
class _Stream:
    """One output that is read on; ``descriptor`` is -1 where the process has none."""

    descriptor: int
    is_file: bool = True
    offset: int = 0

    def read_on(self) -> bytes:
        found = []
        while self.descriptor >= 0:
            try:
                chunk = (
                    os.pread(self.descriptor, _CHUNK_BYTES, self.offset)
                    if self.is_file
                    else os.read(self.descriptor, _CHUNK_BYTES)
                )
            except BlockingIOError:
                break
            if not chunk:
                break
            self.offset += len(chunk)
            found.append(chunk)
        return b"".join(found)


@dataclass(slots=True, kw_only=True)
class AttachedProcess:
    """A process as :func:`attach` found it. Close it: the process lives on."""

    info: TaskInfo
    exited: asyncio.Future[ExitStatus]
    """A Tasks.Wait of its own."""
    _stdout: _Stream = field(repr=False)
    _stderr: _Stream = field(repr=False)
    _stdin: int = -1

    def read_stdout(self) -> bytes:
        """What it has written since the last time; at first what its file holds."""
        return self._stdout.read_on()

    def read_stderr(self) -> bytes:
        """The same of its errors."""
        return self._stderr.read_on()

    def write(self, data: bytes) -> int:
        """Give it something to read; how many bytes the pipe took.

        Raises:
            UsageError: it was made without a standard input, or nobody reads that any more.
        """
        if self._stdin < 0:
            raise UsageError(f"container {self.info.container_id} reads no standard input")
        try:
            return os.write(self._stdin, data)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        """Let go of the streams and of the wait. Safe to repeat."""
        self.exited.cancel()
        for descriptor in (self._stdout.descriptor, self._stderr.descriptor, self._stdin):
            if descriptor >= 0:
                os.close(descriptor)
        self._stdout.descriptor = self._stderr.descriptor = self._stdin = -1


async def attach(client: Client, container_id: str, *, exec_id: str = "") -> AttachedProcess:
    """A container's first process, or the one of an exec, whoever started it.

    Raises:
        NotFound: there is no such process.
        UsageError: its output goes to a program, or its streams cannot be opened.
    """
    info = await client.tasks.get(container_id, exec_id=exec_id)
    opened: list[int] = []
    try:
        streams = []
        for name in (info.stdout, info.stderr):
            descriptor = _open(container_id, name, os.O_RDONLY)
            opened.append(descriptor)
            is_file = descriptor >= 0 and stat.S_ISREG(os.fstat(descriptor).st_mode)
            streams.append(_Stream(descriptor, is_file=is_file))
        stdin = _open(container_id, info.stdin, os.O_WRONLY)
    except BaseException:
        for descriptor in opened:
            if descriptor >= 0:
                os.close(descriptor)
        raise
    exited = asyncio.ensure_future(client.tasks.wait_exit(container_id, exec_id=exec_id))
    exited.add_done_callback(lambda done: done.cancelled() or done.exception())
    return AttachedProcess(
        info=info, exited=exited, _stdout=streams[0], _stderr=streams[1], _stdin=stdin
    )


def _open(container_id: str, name: str, direction: int) -> int:
    """A stream by its path or ``file`` URI, without waiting for its other end; -1: none."""
    if not name:
        return -1
    where = urlsplit(name)
    if where.scheme not in ("", "file", "fifo"):
        raise UsageError(
            f"the output of container {container_id} goes to a program, and cannot be read on: "
            f"{name}"
        )
    try:
        return os.open(Path(where.path), direction | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise UsageError(
            f"container {container_id} cannot be attached: {where.path}: {error.strerror}"
        ) from error
