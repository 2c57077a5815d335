"""The cache folder: what was made once from the same content is found again.

::

    images/
      hello-<key>/          an OCI layout for each image, built or imported
      .packages/<key>/      what pip installed for one set of requirements
      .byte-code/<key>/     compiled files of one interpreter's standard library
      .blobs/<digest>       a further name (hard link) of each blob, so that images share it
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def image_home() -> Path:
    """Where images are kept: ``$XDG_CACHE_HOME/iluvatar-bench/images``."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "iluvatar-bench" / "images"


def make_once(place: Path, make: Callable[[Path], None]) -> bool:
    """Let ``make`` fill the folder ``place`` unless it is there; whether it was.

    It is filled beside its place and renamed: a half-made folder is never found again.
    """
    if place.is_dir():
        return True
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".building-") as name:
        draft = Path(name) / "draft"
        draft.mkdir()
        make(draft)
        try:
            draft.rename(place)
        except OSError:
            # Another process made the same content meanwhile: its result is as good.
            if not place.is_dir():
                raise
    return False


def share_blobs(blobs: Path, home: Path) -> None:
    """Let blobs of the same digest be one file, in every layout below ``home``."""
    pool = home / ".blobs"
    pool.mkdir(exist_ok=True)
    for blob in blobs.iterdir():
        shared = pool / blob.name
        try:
            if not shared.exists():
                os.link(blob, shared)
            elif shared.stat().st_size == blob.stat().st_size and not shared.samefile(blob):
                spare = blob.with_suffix(".shared")
                os.link(shared, spare)
                spare.replace(blob)
        except OSError:
            # A file system without hard links, or the pool was swept in this moment: a blob of
            # one's own does as well.
            continue


def remove_folder(place: Path) -> None:
    """Remove a folder of the cache at once, and blobs that nobody shares any more."""
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".removing-") as name:
        place.rename(Path(name) / place.name)
        shutil.rmtree(Path(name) / place.name)
    pool = place.parent / ".blobs"
    if pool.is_dir():
        for blob in pool.iterdir():
            # Another process that removes an image may have been here first.
            with suppress(FileNotFoundError):
                if blob.stat().st_nlink == 1:
                    blob.unlink()
