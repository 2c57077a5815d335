"""A root file system seen from outside: one directory, or overlay's chain of them. Reads only.

An image's files can be looked up where its layers lie, without a mount; the root of a process or of
a mount is a chain of one. Symbolic links are followed inside the tree, as the container would.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path

_MOST_LINKS = 40
"""As many as the kernel follows (path_resolution(7))."""

_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESTALE})


class LayeredTree:
    """Layers in the order of overlay's ``lowerdir``: topmost first.

    The chain follows https://docs.kernel.org/filesystems/overlayfs.html: a character device 0/0
    hides a name ("whiteout"), an attribute makes a directory hide those below it ("opaque").
    """

    def __init__(self, layers: Sequence[Path]) -> None:
        self.layers = tuple(layers)

    def exists(self, path: str) -> bool:
        """Whether there is something at the absolute path, behind all links.

        Raises:
            OSError: it cannot be looked at, which is not the same as absent.
        """
        return bool(self._resolve(path))

    def entries(self, folder: str) -> frozenset[str]:
        """The names in a folder; empty where there is none.

        Raises:
            OSError: as for :meth:`exists`.
        """
        names: set[str] = set()
        hidden: set[str] = set()
        for directory in self._resolve(folder):
            try:
                found = [entry.name for entry in directory.iterdir()]
            except OSError as error:
                if error.errno in _GONE:
                    continue
                raise
            # Every layer's own, unless a layer above it has hidden it.
            fresh = [name for name in found if name not in hidden]
            hidden.update(name for name in fresh if _is_whiteout(_status(directory / name)))
            names.update(name for name in fresh if name not in hidden)
        return frozenset(names)

    def _resolve(self, path: str) -> list[Path]:
        """Where it lies: one path for a file, one in each layer for a folder; empty if nowhere."""
        parts = _normalised(path.split("/"))
        for _ in range(_MOST_LINKS):
            places, link_at, target = self._walk(parts)
            if target is None:
                return places
            base = [] if target.startswith("/") else parts[:link_at]
            parts = _normalised([*base, *target.split("/"), *parts[link_at + 1 :]])
        return []

    def _walk(self, parts: list[str]) -> tuple[list[Path], int, str | None]:
        """Down to the end, or to the first symbolic link: its position and its target."""
        current = list(self.layers)
        for position, part in enumerate(parts):
            current = _step(current, part)
            if current and stat.S_ISLNK(_status(current[0]) or 0):
                return [], position, str(current[0].readlink())
            if not current:
                return [], 0, None
        return current, 0, None


def _normalised(parts: list[str]) -> list[str]:
    kept: list[str] = []
    for part in parts:
        if part == "..":
            # At the root it leads to the root.
            kept[-1:] = []
        elif part not in ("", "."):
            kept.append(part)
    return kept


def _step(directories: list[Path], name: str) -> list[Path]:
    """The places of a name in a merged folder, topmost first."""
    found: list[Path] = []
    for directory in directories:
        place = directory / name
        mode = _status(place)
        if mode is None:
            continue
        if _is_whiteout(mode):
            break
        if not stat.S_ISDIR(mode):
            # A file ends the search; below a folder of the same name it is hidden.
            return found or [place]
        found.append(place)
        if _is_opaque(place):
            break
    return found


def _status(path: Path) -> int | None:
    """The mode, with whiteouts told by a mode of their own: -1. None where there is nothing."""
    try:
        status = path.lstat()
    except OSError as error:
        if error.errno in _GONE:
            return None
        raise
    if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
        return -1
    return status.st_mode


def _is_whiteout(mode: int | None) -> bool:
    return mode == -1


def _is_opaque(directory: Path) -> bool:
    try:
        return os.getxattr(directory, "trusted.overlay.opaque", follow_symlinks=False) == b"y"
    except OSError:
        return False
