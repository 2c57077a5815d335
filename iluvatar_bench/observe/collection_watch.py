"""Collections of containerd's garbage collector, as they show on the disk.

The directory of a snapshot goes in a collection: Snapshots.Remove drops no more than its entry in
the database (containerd, metadata/snapshot.go and metadata/gc.go). Events tell less: up to 1.6 the
collector publishes none, and from 1.7 on ``/snapshot/remove`` is the same for a client and for it.
A collection that removed no snapshot does not show.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any

from asyncinotify import Inotify, Mask

log = logging.getLogger(__name__)

SNAPSHOTTERS = "io.containerd.snapshotter.v1."
"""Below a containerd's root each snapshotter has a folder with this beginning; overlayfs and native
keep a folder ``snapshots`` in it, with a numbered directory for each snapshot."""

TOGETHER_SECONDS = 0.25
"""Directories that go no further apart went in one collection."""

_MOST_AT_ONCE = 1000
"""Directories that are taken in one go: whatever else this process has to do waits meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenCollection:
    """A collection that removed snapshots. Times are seconds since the epoch."""

    began_at: float
    ended_at: float
    snapshotter: str
    directories: int

    def as_row(self) -> Mapping[str, Any]:
        """JSON-ready values."""
        return {
            "at": datetime.fromtimestamp(self.began_at, UTC).isoformat(),
            "ended_at": datetime.fromtimestamp(self.ended_at, UTC).isoformat(),
            "snapshotter": self.snapshotter,
            "directories": self.directories,
        }


class CollectionWatch:
    """Counts collections: ``count``; None where they cannot be seen, ``why`` says the reason."""

    def __init__(self, on_collection: Callable[[SeenCollection], None]) -> None:
        self.why: str | None = None
        self._count = 0
        self._on_collection = on_collection
        self._under_way: dict[str, SeenCollection] = {}

    @property
    def count(self) -> int | None:
        """Those that have ended since the beginning."""
        return self._count if self.why is None else None

    @property
    def under_way(self) -> tuple[SeenCollection, ...]:
        """Those that may go on."""
        return tuple(self._under_way.values())

    def note(self, snapshotter: str, at: float) -> None:
        """A snapshot's directory has gone."""
        before = self._under_way.get(snapshotter)
        if before is not None and at - before.ended_at > TOGETHER_SECONDS:
            self.end(snapshotter)
            before = None
        self._under_way[snapshotter] = SeenCollection(
            began_at=at if before is None else before.began_at,
            ended_at=at,
            snapshotter=snapshotter,
            directories=1 if before is None else before.directories + 1,
        )

    def end(self, snapshotter: str) -> None:
        """The one that was under way is over."""
        seen = self._under_way.pop(snapshotter, None)
        if seen is not None:
            self._count += 1
            self._on_collection(seen)

    def end_old(self, now: float) -> None:
        """Those that have been quiet for long enough are over."""
        for name, seen in list(self._under_way.items()):
            if now - seen.ended_at > TOGETHER_SECONDS:
                self.end(name)


@asynccontextmanager
async def watched_collections(
    root: Path | None, on_collection: Callable[[SeenCollection], None]
) -> AsyncIterator[CollectionWatch]:
    """The collections during the block, of a containerd whose root folder this is. Never an error.

    ``on_collection`` gets each once it is over.
    """
    watch = CollectionWatch(on_collection)
    folders = {} if root is None else _folders(root)
    if not folders:
        watch.why = "the folders of this containerd's snapshots are not known"
        yield watch
        return
    try:
        inotify = Inotify(sync_timeout=0)
    except OSError as error:
        watch.why = f"no inotify instance: {error.strerror}"
        yield watch
        return
    with inotify:
        for folder in folders:
            inotify.add_watch(folder, Mask.DELETE | Mask.MOVED_FROM)
        reader = asyncio.create_task(_read(inotify, folders, watch))
        try:
            yield watch
        finally:
            reader.cancel()
            await asyncio.wait((reader,))
            for name in folders.values():
                watch.end(name)


def _folders(root: Path) -> dict[Path, str]:
    """The folder that holds a snapshotter's directories, and its name."""
    found = root.glob(f"{SNAPSHOTTERS}*/snapshots")
    return {path: path.parent.name.removeprefix(SNAPSHOTTERS) for path in found}


async def _read(inotify: Inotify, folders: Mapping[Path, str], watch: CollectionWatch) -> None:
    """Note what goes. Inotify says no times: what has waited together has one, that of its reading.

    However long this process is kept from taking it, that makes no pause between two.
    """
    async for first in inotify:
        at = time.time()
        for event in chain((first,), islice(inotify, _MOST_AT_ONCE)):
            if event.mask & Mask.Q_OVERFLOW:
                log.warning("snapshots went faster than they could be counted")
            if event.path is None or event.name is None or not str(event.name).isdecimal():
                # Drafts of new snapshots (new-…), and what native renames before it removes it
                # (rm-…).
                continue
            name = folders.get(event.path.parent)
            if name is not None:
                watch.note(name, at)
