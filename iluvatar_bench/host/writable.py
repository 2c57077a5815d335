"""Whether files could be read and written: asked before the work, not after it."""

from __future__ import annotations

import os
from pathlib import Path

from iluvatar_bench.errors import UnusablePath, UsageError


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


def require_readable(*paths: str | Path) -> None:
    """Refuse a file or folder that is not there.

    Raises:
        UsageError: there is none, or its folder may not be searched.
    """
    for path in paths:
        try:
            Path(path).stat()
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror}") from error
