"""When the collector of a private containerd runs, while it does: from its debug log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from iluvatar_bench.containerd.daemon.collection_log import Collection, CollectionLines

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.25
"""How often the log is read on: often enough to be before whoever gives its middle back."""

_CHUNK_BYTES = 1 << 20


class CollectionReader:
    """Reads a log on from where it was read to. Never an error: ``broken`` says why it stopped."""

    def __init__(self, path: Path, sink: Callable[[Collection], None]) -> None:
        self.broken: str | None = None
        self._path = path
        self._sink = sink
        self._lines = CollectionLines()
        self._read = path.stat().st_size if path.exists() else 0
        self._rest = b""

    def read_on(self) -> None:
        """Hand on what the log tells of since the last time."""
        if self.broken is not None:
            return
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                while chunk := file.read(_CHUNK_BYTES):
                    self._read += len(chunk)
                    *lines, self._rest = (self._rest + chunk).split(b"\n")
                    for line in lines:
                        self._line(line)
        except (OSError, ValueError) as error:
            self.broken = f"{self._path}: {error}"
            log.warning("collections are not seen any more: %s", self.broken)

    def _line(self, line: bytes) -> None:
        collection = self._lines.read(line.decode(errors="replace"))
        if collection is not None:
            self._sink(collection)


@asynccontextmanager
async def follow_collections(
    path: Path | None, sink: Callable[[Collection], None]
) -> AsyncIterator[CollectionReader | None]:
    """Hand on each collection that the log tells of during the block; without a log none."""
    if path is None:
        yield None
        return
    reader = CollectionReader(path, sink)

    async def follow() -> None:
        while True:
            reader.read_on()
            await asyncio.sleep(LOOK_SECONDS)

    following = asyncio.create_task(follow())
    try:
        yield reader
    finally:
        following.cancel()
        await asyncio.wait((following,))
        reader.read_on()
