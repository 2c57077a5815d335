"""A further process in a running container: its own exit, its own streams, its own kill."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from iluvatar_bench.containerd.oci.spec import process_spec
from iluvatar_bench.errors import ContainerdError, ExecFailed, NotFound
from iluvatar_bench.host.tails import read_tail
from iluvatar_bench.lifecycle.container import Container

EXEC_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecResult:
    """How a process ended: its ``status`` (128 + n: by signal n), and the ends of what it wrote.

    ``killed``: it did not end in its time, and this client killed it, and nothing else in the
    container.
    """

    status: int
    stdout: str
    stderr: str
    killed: bool = False


async def run_in_container(
    container: Container,
    args: Sequence[str],
    *,
    stdin: bytes = b"",
    seconds: float = EXEC_SECONDS,
) -> ExecResult:
    """Run a program beside the container's own, and wait for its end.

    It gets the container's environment and rights, and reads ``stdin`` to its end. One that does
    not end within ``seconds`` is killed.

    Raises:
        ExecFailed: it could not be started.
        ContainerdError: a request failed once it ran.
    """
    exec_id = f"exec-{secrets.token_hex(4)}"
    tasks = container.node.client.tasks
    out, err = container.folder / f"{exec_id}.out", container.folder / f"{exec_id}.err"
    with ExitStack() as stack:
        for path in (out, err):
            path.touch()
            stack.callback(path.unlink, missing_ok=True)
        source = _Stdin(container.folder / f"{exec_id}.in") if stdin else None
        if source is not None:
            stack.callback(source.close)
        container.progress.begin("exec")
        try:
            await tasks.exec(
                container.id,
                exec_id,
                process_spec(args, env=container.image.env, cwd=container.image.cwd),
                stdin=None if source is None else source.path,
                stdout=out,
                stderr=err,
            )
            exited = asyncio.ensure_future(tasks.wait_exit(container.id, exec_id=exec_id))
            stack.callback(exited.cancel)
            await tasks.start(container.id, exec_id=exec_id)
        except ContainerdError as error:
            raise ExecFailed(
                f"exec {args[0]} in container {container.id} could not be started: {error}",
                container_id=container.id,
            ) from error
        if source is not None:
            await source.write(stdin)
            # Whoever can still write keeps the end of the file away: this client, and the shim.
            source.close()
            await tasks.close_stdin(container.id, exec_id=exec_id)
        done, _ = await asyncio.wait((exited,), timeout=seconds)
        if not done:
            await _kill_exec(container, exec_id)
        ended = await exited
        await tasks.delete_exec(container.id, exec_id)
        return ExecResult(
            status=ended.status,
            stdout=read_tail(out).text,
            stderr=read_tail(err).text,
            killed=not done,
        )


async def _kill_exec(container: Container, exec_id: str) -> None:
    try:
        await container.node.client.tasks.kill(
            container.id, signal=signal.SIGKILL, all_processes=False, exec_id=exec_id
        )
    except NotFound:
        # It has ended in this very moment.
        return


class _Stdin:
    """A FIFO that a process reads as its stdin."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path, 0o600)
        # Both directions, so that open() never blocks, and what is written stays until it is read.
        self._descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._open = True

    async def write(self, data: bytes) -> None:
        """Write all of it, as fast as it is read."""
        loop = asyncio.get_running_loop()
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:
                room = loop.create_future()
                loop.add_writer(self._descriptor, room.set_result, None)
                try:
                    await room
                finally:
                    loop.remove_writer(self._descriptor)

    def close(self) -> None:
        """Close it, and remove its name. Safe to repeat."""
        if self._open:
            self._open = False
            os.close(self._descriptor)
            self.path.unlink(missing_ok=True)
