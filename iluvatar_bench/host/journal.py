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
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from io import FileIO
from pathlib import Path
from typing import Any

from iluvatar_bench.errors import UsageError
from iluvatar_bench.host.full_disk import full_disk_told

SYNC_SECONDS = 1.0
"""How much of a run the end of the host may take, unless a run is told otherwise."""


class Journal:
    """One journal. It is opened by the first :meth:`append`, or by :meth:`claim`.

    What a full disk did not take is kept, and is the first that is written once there is room.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: FileIO | None = None
        self._unwritten = b""
        self._dirty = False

    def append(self, document: Mapping[str, Any]) -> None:
        """Append a line.

        Raises:
            DiskFull: there is no room for it now.
            OSError: it cannot be written.
        """
        self._unwritten += json.dumps(document).encode() + b"\n"
        self.flush()

    def flush(self) -> None:
        """Write what a full disk did not take.

        Raises:
            DiskFull: there still is no room for it.
            OSError: it cannot be written.
        """
        with full_disk_told(self.path):
            while self._unwritten:
                # A disk that fills up takes a part: what it took must not be written twice.
                taken = self._open().write(self._unwritten)
                self._unwritten = self._unwritten[taken:]
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
            with full_disk_told(self.path):
                os.fsync(file.fileno())

    def close(self) -> None:
        """Sync and close; it is opened again by the next line.

        Raises:
            DiskFull: there is no room for what it holds. It is closed.
        """
        file = self._file
        if file is None:
            return
        try:
            self.flush()
            self.sync()
        finally:
            self._file, self._unwritten = None, b""
            file.close()

    def rows(self) -> list[dict[str, Any]]:
        """Every complete line, in their order.

        What a killed process, or the end of the host, has left after the last complete line is
        passed over.

        Raises:
            UsageError: a line that is followed by good ones cannot be read: nothing counted from
                such a journal could be trusted.
        """
        return list(self.each_row())

    def each_row(self, *, newest: int | None = None) -> Iterator[dict[str, Any]]:
        """The same, one after the other: no more than a line is in memory at a time.

        With ``newest`` only those of the last so many parts that have any: a journal of months is
        not read from its beginning for what was written last.

        Raises:
            UsageError: as :meth:`rows`.
        """
        parts = [part for part in (*segments_of(self.path), self.path) if _holds_any(part)]
        for path in parts if newest is None else parts[-newest:]:
            yield from (document for _, document in _rows_of(path))

    def each_row_at(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Every complete line of a journal in one part, and where it begins (bytes).

        Raises:
            UsageError: as :meth:`rows`.
        """
        return _rows_of(self.path)

    def rows_from(self, places: Iterable[int]) -> Iterator[dict[str, Any]]:
        """The lines that begin at these places, in this order; those of :meth:`each_row_at`."""
        with self.path.open("rb") as file:
            for place in places:
                file.seek(place)
                document = _document(file.readline())
                assert document is not None, f"no line of {self.path} begins at {place}"
                yield document

    def _open(self) -> FileIO:
        if self._file is None:
            self._file = self.path.open("a+b", buffering=0)
            _cut_torn_end(self._file)
        return self._file


def segments_of(path: Path) -> tuple[Path, ...]:
    """The parts of a journal that were closed when they were large enough, oldest first."""
    return tuple(sorted(path.parent.glob(f"{path.stem}.[0-9]*{path.suffix}")))


def segment_path(path: Path, number: int) -> Path:
    """What a journal's closed part is called: ``journal.000001.jsonl``."""
    return path.with_name(f"{path.stem}.{number:06d}{path.suffix}")


def segment_number(segment: Path) -> int:
    """The number in its name."""
    return int(segment.name.split(".")[-2])


def _holds_any(part: Path) -> bool:
    """Whether there is a whole line: a torn one is none."""
    try:
        with part.open("rb") as file:
            return file.readline().endswith(b"\n")
    except FileNotFoundError:
        return False


def _rows_of(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Every complete line, and where it begins."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        # The oldest part of one that is bounded goes at any time.
        return
    torn: int | None = None
    place = 0
    with file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            document = _document(line)
            if document is None:
                torn = torn or number
            elif torn is not None:
                raise UsageError(f"{path} is damaged: line {torn} cannot be read")
            else:
                yield place, document
            place += len(line)


def _document(line: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(line)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _cut_torn_end(file: FileIO) -> None:
    """Cut off what follows the last complete line, or the next line would be glued to it."""
    file.seek(0)
    content = file.readall()
    keep = content.rfind(b"\n") + 1
    while keep and _document(content[content.rfind(b"\n", 0, keep - 1) + 1 : keep - 1]) is None:
        keep = content.rfind(b"\n", 0, keep - 1) + 1
    if keep < len(content):
        file.truncate(keep)


@asynccontextmanager
async def kept_synced(journals: Sequence[Journal], *, seconds: float) -> AsyncIterator[None]:
    """Sync the journals every ``seconds`` for the length of the block.

    Raises:
        DiskFull, OSError: at the end of the block, if they could not be synced.
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
