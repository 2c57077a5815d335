"""Looks which snapshots' directories are mounted anywhere on this host, in any mount namespace."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from iluvatar_bench.host.kernel.mounts import MountEntry, readable_mountinfo
from iluvatar_bench.host.kernel.processes import all_pids

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class MountsFound(Generic[K]):
    """Which are mounted, and whether every mount namespace could be read."""

    found: frozenset[K]
    complete: bool


class MountSearch(Generic[K]):
    """What to look for: the directory that writes go to, or the read-only ones, topmost first.

    A view shows nothing but its parents: two views of one snapshot cannot be told apart, and count
    both. Of a file system that is itself mounted below the host's root, a bind names the path
    within it only, and with many layers containerd names them below a common folder (containerd
    1.6.20, mount/mount_linux.go, compactLowerdirOption): so paths are compared by their ends.
    """

    def __init__(self, uppers: Mapping[K, str], views: Mapping[K, tuple[str, ...]]) -> None:
        self._uppers: dict[str, list[tuple[str, K]]] = defaultdict(list)
        self._views: dict[tuple[int, str], list[tuple[tuple[str, ...], K]]] = defaultdict(list)
        for key, directory in uppers.items():
            self._uppers[_end(directory)].append((directory, key))
        for key, layers in views.items():
            if layers:
                self._views[len(layers), _end(layers[0])].append((layers, key))

    def look(self) -> MountsFound[K]:
        """Read the mounts of every process; each mount namespace once."""
        found: set[K] = set()
        read: set[int | tuple[MountEntry, ...]] = set()
        complete = True
        for pid in all_pids() if self._uppers or self._views else ():
            namespace = _mount_namespace(pid)
            if namespace in read:
                continue
            entries = readable_mountinfo(pid)
            if entries is None:
                complete = False
                continue
            known = namespace if namespace is not None else entries
            if known in read:
                continue
            read.add(known)
            for entry in entries:
                found.update(self.shown_by(entry))
        return MountsFound(frozenset(found), complete)

    def shown_by(self, entry: MountEntry) -> Iterable[K]:
        """What one mount shows."""
        upper = entry.upper_directory
        layers = (upper,) if upper is not None else entry.lower_directories
        if upper is not None:
            for directory, key in self._uppers.get(_end(upper), ()):
                if _same(upper, directory):
                    yield key
        if layers and (upper is None or entry.fs_type != "overlay"):
            for view, key in self._views.get((len(layers), _end(layers[0])), ()):
                if all(map(_same, layers, view)):
                    yield key


def _mount_namespace(pid: int) -> int | None:
    """Its inode; None where it may not be seen, though the mounts in it may (proc(5))."""
    try:
        return Path(f"/proc/{pid}/ns/mnt").stat().st_ino
    except OSError:
        return None


def _end(path: str) -> str:
    """The last two names: ``12/fs``."""
    return "/".join(path.rstrip("/").split("/")[-2:])


def _same(shown: str, directory: str) -> bool:
    return directory == shown or directory.endswith(f"/{shown.lstrip('/')}")
