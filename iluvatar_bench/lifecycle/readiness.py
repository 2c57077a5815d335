"""Waiting until a function says that it is ready, by inotify on its output, as the worker did."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from iluvatar_bench.containerd.values import ExitStatus
from iluvatar_bench.errors import StartupFailed
from iluvatar_bench.host.tails import read_tail
from iluvatar_bench.host.text_search import TextSearch
from iluvatar_bench.lifecycle.output_watch import changes_of

READY_TEXT = "Running on"
"""What Flask's development server writes to stderr once it listens; for images that do not say."""


def tail(path: Path) -> str:
    """The end of an output file as text; empty when there is none."""
    return read_tail(path).text


async def wait_for_text(
    text: str,
    *,
    container_id: str,
    stdout: Path,
    stderr: Path,
    exited: asyncio.Future[ExitStatus],
    seconds: float,
) -> None:
    """Return when ``text`` stands in ``stderr``.

    Raises:
        StartupFailed: the process ended first, or the time was up.
        OSError: the file cannot be watched.
    """
    deadline = time.monotonic() + seconds
    search = TextSearch(stderr, text)
    async with changes_of(stderr) as changed:
        while True:
            # Looked at after the watch is set: what was written before it is seen here, what comes
            # later wakes the wait.
            changed.clear()
            if search.look():
                return
            if exited.done():
                raise _failed(text, container_id, stdout, stderr, exited, seconds)
            left = deadline - time.monotonic()
            if left <= 0:
                raise _failed(text, container_id, stdout, stderr, None, seconds)
            change = asyncio.ensure_future(changed.wait())
            try:
                await asyncio.wait(
                    (change, exited), timeout=left, return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                change.cancel()


def _failed(
    text: str,
    container_id: str,
    stdout: Path,
    stderr: Path,
    exited: asyncio.Future[ExitStatus] | None,
    seconds: float,
) -> StartupFailed:
    if exited is None:
        what = f"did not say {text!r} within {seconds:g} s and still runs"
    else:
        problem = exited.exception()
        if problem is not None:
            raise problem
        what = f"ended with status {exited.result().status} before it said {text!r}"
    errors = tail(stderr)
    said = errors.strip().splitlines()
    words = f"its last words: {_telling(said)}" if said else "it said nothing"
    return StartupFailed(
        f"container {container_id} {what}; {words}",
        container_id=container_id,
        stdout=tail(stdout),
        stderr=errors,
        exited=exited is not None,
    )


def _telling(lines: list[str]) -> str:
    """The last line; or the last that says that a port is taken, after which servers say less."""
    return next((line for line in reversed(lines) if "in use" in line.lower()), lines[-1])
