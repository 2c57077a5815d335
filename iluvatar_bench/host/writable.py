"""Whether a file could be written: asked before the work, not after it."""

from __future__ import annotations

import os
from pathlib import Path

from iluvatar_bench.errors import UnusablePath


def require_writable(*paths: Path | None) -> None:
    """Refuse a file that could not be written, before hours of work for it.

    Raises:
        UnusablePath: its folder does not exist or takes no file, or the path is a folder.
    """
    for path in paths:
        if path is None:
            continue
        folder = path.absolute().parent
        if path.is_dir():
            raise UnusablePath(f"cannot write {path}: it is a folder")
        if not folder.is_dir():
            raise UnusablePath(f"cannot write {path}: there is no folder {folder}")
        if not os.access(path if path.exists() else folder, os.W_OK):
            raise UnusablePath(f"cannot write {path}: not allowed")
