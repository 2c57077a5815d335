"""The logs of workers beside the observation: each failure that they tell of, as it is written."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iluvatar_bench.errors import IluvatarBenchError, UnusablePath, UsageError
from iluvatar_bench.observe.folder import ObservedFolder
from iluvatar_bench.observe.life import MOST_TEXT

if TYPE_CHECKING:
    from iluvatar_bench.worker_logs.failure import LogFailure

log = logging.getLogger(__name__)


@asynccontextmanager
async def followed_logs(
    paths: Sequence[Path], folder: ObservedFolder, on_log: Callable[[Mapping[str, Any]], None]
) -> AsyncIterator[None]:
    """Keep what is written to the files during the block, and tells of a failure.

    They are read in a thread of their own, from the block's beginning on. ``on_log`` gets each row
    once it is in the folder. What cannot be read any more later on ends the reading, not the
    observation.

    Raises:
        UnusablePath: a file cannot be read.
        UsageError: it is a folder.
    """
    for path in paths:
        _check(path)
    loop, stop, opened = asyncio.get_running_loop(), threading.Event(), asyncio.Event()

    def take(row: Mapping[str, Any]) -> None:
        folder.seen("logs", row)
        on_log(row)

    def goes_on() -> bool:
        # It is asked for the first time when the files have been opened.
        loop.call_soon_threadsafe(opened.set)
        return not stop.is_set()

    def read() -> None:
        # Only now: what reads logs is not needed without any.
        from iluvatar_bench.worker_logs.follow import follow

        for failure in follow(paths, goes_on=goes_on):
            loop.call_soon_threadsafe(take, log_row(failure, folder.run_id))

    reading = asyncio.create_task(asyncio.to_thread(read))
    reading.add_done_callback(_tell)
    opening = asyncio.create_task(opened.wait())
    try:
        await asyncio.wait((reading, opening), return_when=asyncio.FIRST_COMPLETED)
        yield
    finally:
        stop.set()
        opening.cancel()
        await asyncio.wait((reading,))


def log_row(failure: LogFailure, run_id: str) -> Mapping[str, Any]:
    """A failure as the journal has it; all texts are bounded."""
    return {
        "run_id": run_id,
        "seen_at": datetime.now(UTC).isoformat(),
        "told_at": failure.time.isoformat() if failure.time is not None else None,
        "container_id": (failure.container_id or "")[:MOST_TEXT] or None,
        "transaction_id": (failure.transaction_id or "")[:MOST_TEXT] or None,
        "bug_class": str(failure.bug_class),
        "certainty": str(failure.certainty),
        "text": failure.text,
        "file": failure.file,
        "line": failure.line,
    }


def _check(path: Path) -> None:
    if path.is_dir():
        raise UsageError(f"--logs {path}: a folder; name the files in it")
    try:
        path.open("rb").close()
    except OSError as error:
        raise UnusablePath(f"cannot read {path}: {error.strerror}") from error


def _tell(reading: asyncio.Task[None]) -> None:
    if reading.cancelled() or (error := reading.exception()) is None:
        return
    if not isinstance(error, (IluvatarBenchError, OSError)):
        log.error("the logs are read no more", exc_info=error)
    else:
        log.warning("the logs are read no more: %s", error)
