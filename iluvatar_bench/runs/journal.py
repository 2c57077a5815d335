"""Journals: a JSON document a line, on disk before anything is derived from it.

A line that is written survives the end of this process, however it ends. Against the end of the
host the journals of a run are synced in the background, so that what is lost then is bounded by
time and no trial waits for a disk.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any

from iluvatar_bench.errors import UsageError

SYNC_SECONDS = 1.0
"""How much of a run the end of the host may take, unless a run is told otherwise."""


class Journal:
    """One journal. It is opened by the first :meth:`append`, or by :meth:`claim`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] | None = None
        self._dirty = False

    def append(self, document: Mapping[str, Any]) -> None:
        """Append a line.

        Raises:
            OSError: it cannot be written.
        """
        file = self._open()
        file.write(json.dumps(document).encode() + b"\n")
        file.flush()
        self._dirty = True

    def claim(self) -> None:
        """Keep every other process from writing to this journal, until it is closed.

        Raises:
            UsageError: another process does.
        """
        try:
            fcntl.flock(self._open(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise UsageError(f"{self.path.parent} is a run that is under way") from error

    def sync(self) -> None:
        """Return when every line so far is on the disk; may be called in a thread of its own."""
        file = self._file
        if file is not None and self._dirty:
            self._dirty = False
            os.fsync(file.fileno())

    def close(self) -> None:
        """Sync and close; it is opened again by the next line."""
        file = self._file
        if file is not None:
            self.sync()
            self._file = None
            file.close()

    def rows(self) -> list[dict[str, Any]]:
        """Every complete line, in their order.

        What a killed process, or the end of the host, has left after the last complete line is
        passed over.

        Raises:
            UsageError: a line that is followed by good ones cannot be read: nothing counted from
                such a journal could be trusted.
        """
        try:
            lines = self.path.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            return []
        rows: list[dict[str, Any]] = []
        torn: int | None = None
        for number, line in enumerate(lines, start=1):
            document = _document(line)
            if document is None:
                torn = torn or number
            elif torn is not None:
                raise UsageError(f"{self.path} is damaged: line {torn} cannot be read")
            else:
                rows.append(document)
        return rows

    def _open(self) -> IO[bytes]:
        if self._file is None:
            self._file = self.path.open("a+b")
            _cut_torn_end(self._file)
        return self._file


def _document(line: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(line)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _cut_torn_end(file: IO[bytes]) -> None:
    """Cut off what follows the last complete line, or the next line would be glued to it."""
    file.seek(0)
    content = file.read()
    keep = content.rfind(b"\n") + 1
    while keep and _document(content[content.rfind(b"\n", 0, keep - 1) + 1 : keep - 1]) is None:
        keep = content.rfind(b"\n", 0, keep - 1) + 1
    if keep < len(content):
        file.truncate(keep)


@asynccontextmanager
async def kept_synced(journals: Sequence[Journal], *, seconds: float) -> AsyncIterator[None]:
    """Sync the journals every ``seconds`` for the length of the block.

    Raises:
        OSError: at the end of the block, if they could not be synced.
    """

    async def sync() -> None:
        while True:
            await asyncio.sleep(seconds)
            for journal in journals:
                await asyncio.to_thread(journal.sync)

    task = asyncio.create_task(sync())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))
    if not task.cancelled():
        task.result()
