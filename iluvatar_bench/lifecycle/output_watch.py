"""Changes of output files, by one inotify instance for all of them.

The kernel gives each user 128 instances (inotify(7), ``max_user_instances``), and hundreds of
thousands of watches on one: with an instance for each starting container the 129th could not be
watched.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakKeyDictionary

from asyncinotify import Inotify, Mask, Watch


@dataclass(slots=True)
class _Watched:
    """One file: its watch, and whom to tell of its changes."""

    watch: Watch
    waiting: set[asyncio.Event] = field(default_factory=set)


class _OutputWatch:
    """The instance of one event loop, open while any file is watched."""

    def __init__(self) -> None:
        self._inotify: Inotify | None = None
        self._reader: asyncio.Task[None] | None = None
        self._files: dict[Path, _Watched] = {}

    def begin(self, path: Path, changed: asyncio.Event) -> None:
        if self._inotify is None:
            self._inotify = Inotify()
            self._reader = asyncio.create_task(self._read(self._inotify))
        if path not in self._files:
            self._files[path] = _Watched(self._inotify.add_watch(path, Mask.MODIFY))
        self._files[path].waiting.add(changed)

    async def end(self, path: Path, changed: asyncio.Event) -> None:
        watched = self._files.get(path)
        if watched is not None:
            watched.waiting.discard(changed)
            if not watched.waiting:
                del self._files[path]
                assert self._inotify is not None
                self._inotify.rm_watch(watched.watch)
        if self._files or self._inotify is None or self._reader is None:
            return
        inotify, self._inotify = self._inotify, None
        reader, self._reader = self._reader, None
        reader.cancel()
        await asyncio.wait((reader,))
        inotify.close()

    async def _read(self, inotify: Inotify) -> None:
        while True:
            event = await inotify.get()
            for watched in self._files.values():
                if watched.watch is event.watch:
                    for changed in watched.waiting:
                        changed.set()


_OF_LOOPS: WeakKeyDictionary[asyncio.AbstractEventLoop, _OutputWatch] = WeakKeyDictionary()


@asynccontextmanager
async def changes_of(path: Path) -> AsyncIterator[asyncio.Event]:
    """An event that is set whenever the file is written to, for the length of the block.

    Raises:
        OSError: the file cannot be watched: a limit of this host, or it is not there.
    """
    watch = _OF_LOOPS.setdefault(asyncio.get_running_loop(), _OutputWatch())
    changed = asyncio.Event()
    try:
        watch.begin(path, changed)
        yield changed
    finally:
        await watch.end(path, changed)
