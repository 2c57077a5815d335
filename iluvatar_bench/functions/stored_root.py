"""Containerds that begin with the images in them: a copy of a root takes the place of an import.

A root is made when its images are asked for the second time: most images of a function that is
being written are asked for once.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from subprocess import CalledProcessError

from iluvatar_bench.containerd.daemon.place import Place
from iluvatar_bench.containerd.daemon.private import LogLevel, Node, private_daemon
from iluvatar_bench.containerd.daemon.root_copy import copy_root
from iluvatar_bench.containerd.oci.image_import import import_layout
from iluvatar_bench.errors import DiskFull, UnusablePath
from iluvatar_bench.functions.build import BuiltImage
from iluvatar_bench.functions.root_cache import (
    asked_before,
    is_whole,
    keep,
    locked,
    root_folder,
    whole_root,
)
from iluvatar_bench.profiles.collector import NATURAL_COLLECTOR, QUIET_COLLECTOR, Collector

log = logging.getLogger(__name__)

_PLAIN = {"native", "overlayfs"}
"""Snapshotters whose snapshots are folders of files: what `cp` copies."""


@asynccontextmanager
async def daemon_with(
    images: Sequence[BuiltImage],
    *,
    snapshotters: Sequence[str] = ("overlayfs",),
    collector: Collector = NATURAL_COLLECTOR,
    log_path: Path | None = None,
    log_level: LogLevel = "info",
    restart_monitor: bool = False,
) -> AsyncIterator[Node]:
    """A private containerd that images are to be imported into.

    Where a root with them is kept they are there already: importing them then takes no time, and
    makes whatever should be missing.

    Raises:
        ImageError, ContainerdError: as :func:`import_layout`, when the root is made.
        EnvironmentProblem, UnusablePath: as :func:`private_daemon`.
    """
    async with AsyncExitStack() as stack:
        async with _stored_root(images, snapshotters) as stored:
            node = await stack.enter_async_context(
                private_daemon(
                    collector=collector,
                    log_path=log_path,
                    log_level=log_level,
                    stored=stored,
                    snapshotters=snapshotters,
                    restart_monitor=restart_monitor,
                )
            )
        yield node


@asynccontextmanager
async def _stored_root(
    images: Sequence[BuiltImage], snapshotters: Sequence[str]
) -> AsyncIterator[Path | None]:
    """The root with these images, which stays for the length of the block; None: there is none."""
    with ExitStack() as stack:
        root = None
        program = shutil.which("containerd")
        if program is not None and images and set(snapshotters) <= _PLAIN:
            try:
                folder = root_folder(images, snapshotters, Path(program))
                asked = await asyncio.to_thread(asked_before, folder, images)
                root = stack.enter_context(whole_root(folder))
                if root is None and asked:
                    await _make(folder, images, snapshotters)
                    root = stack.enter_context(whole_root(folder))
            except (DiskFull, UnusablePath, OSError, CalledProcessError) as error:
                # The cache is no more than that.
                log.info("images are imported, for the cache cannot be used: %s", error)
        yield root


async def _make(folder: Path, images: Sequence[BuiltImage], snapshotters: Sequence[str]) -> None:
    """Make the root unless it is there, or somebody makes it."""
    with locked(folder, fcntl.LOCK_EX) as held:
        if not held or is_whole(folder):
            return
        root = folder / "root"
        # Of somebody who was killed while making it, or whom a cleaner of the cache has robbed.
        if root.exists():
            await asyncio.to_thread(shutil.rmtree, root)
        root.mkdir()
        async with private_daemon(collector=QUIET_COLLECTOR) as node:
            for image in images:
                await import_layout(
                    node.client, image.layout, name=image.name, snapshotters=snapshotters
                )
            # Nobody else asks this containerd for anything: nothing is written to its databases.
            await asyncio.to_thread(copy_root, Place(node.id).root, root)
        await asyncio.to_thread(keep, folder)
        log.info("a root with the images is kept in %s", folder)
