"""Bundles as containerd makes them: a folder for each task that somebody asks for.

A task that does not come about leaves no event; its bundle was there for a moment all the same
(containerd, runtime/v2/bundle.go).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from asyncinotify import Inotify, Mask

from iluvatar_bench.observe.settings import MOST_SNAPSHOTS

log = logging.getLogger(__name__)

TASKS = "io.containerd.runtime.v2.task"
"""Where containerd keeps the bundles, below its state folder."""


class Bundles:
    """When a bundle was made for a container, of the last ones; ``watched`` says whether it sees.

    ``why`` says why it does not.
    """

    def __init__(self) -> None:
        self.why: str | None = None
        self._made: OrderedDict[tuple[str, str], float] = OrderedDict()

    @property
    def watched(self) -> bool:
        """Whether every bundle is seen."""
        return self.why is None

    def made_at(self, namespace: str, container_id: str, *, since: float) -> float | None:
        """When a container's bundle was made, if that was not before ``since``."""
        at = self._made.get((namespace, container_id))
        return at if at is not None and at >= since else None

    def _note(self, bundle: Path) -> None:
        key = (bundle.parent.name, bundle.name)
        self._made[key] = time.time()
        self._made.move_to_end(key)
        while len(self._made) > MOST_SNAPSHOTS:
            self._made.popitem(last=False)


@asynccontextmanager
async def watched_bundles(state: Path | None) -> AsyncIterator[Bundles]:
    """The bundles that are made during the block, below a containerd's state folder.

    Never an error: what cannot be watched says why.
    """
    bundles = Bundles()
    home = None if state is None else state / TASKS
    if home is None or not home.is_dir():
        bundles.why = "the folder of this containerd's bundles is not known"
        yield bundles
        return
    try:
        inotify = Inotify()
    except OSError as error:
        bundles.why = f"no inotify instance: {error.strerror}"
        yield bundles
        return
    with inotify:
        inotify.add_watch(home, Mask.CREATE | Mask.MOVED_TO)
        for folder in home.iterdir():
            _watch(inotify, folder)
        reader = asyncio.create_task(_read(inotify, home, bundles))
        try:
            yield bundles
        finally:
            reader.cancel()
            await asyncio.wait((reader,))


def _watch(inotify: Inotify, folder: Path) -> None:
    # One that has gone meanwhile has no bundles.
    with suppress(OSError):
        inotify.add_watch(folder, Mask.CREATE | Mask.MOVED_TO)


async def _read(inotify: Inotify, home: Path, bundles: Bundles) -> None:
    async for event in inotify:
        if event.mask & Mask.Q_OVERFLOW:
            bundles.why = "bundles were made faster than they could be read"
        if event.path is None or event.name is None:
            continue
        if event.path.parent == home:
            _watch(inotify, event.path)
            with suppress(OSError):
                for bundle in event.path.iterdir():
                    bundles._note(bundle)
        else:
            bundles._note(event.path)
