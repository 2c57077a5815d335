"""Reads which root file system each container has: as its shim, or its own process, sees it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from iluvatar_bench.audit.read.spec_view import text
from iluvatar_bench.audit.read.state import RootMount
from iluvatar_bench.containerd.values import ContainerRecord, TaskInfo, TaskState
from iluvatar_bench.host.kernel.mounts import MountEntry, readable_mountinfo
from iluvatar_bench.host.kernel.processes import shares_our_mounts

ContainerName = tuple[str, str]
"""Containerd namespace and id."""

_BUNDLE = re.compile(r"/io\.containerd\.runtime\.v2\.task/([^/]+)/([^/]+)/rootfs$")


@dataclass(frozen=True, slots=True, kw_only=True)
class RootReader:
    """What the process that listens at the daemon's socket sees mounted.

    ``states`` are the folders of bundles that are this daemon's.
    """

    daemon: int
    states: frozenset[Path]
    entries: tuple[MountEntry, ...]

    def bundles(self) -> dict[ContainerName, MountEntry]:
        """The root mounts of shims, by container."""
        found = {}
        for entry in self.entries:
            match = _BUNDLE.search(entry.mount_point)
            if match and Path(entry.mount_point).parents[3] in self.states:
                found[match.group(1), match.group(2)] = entry
        return found

    def roots(
        self,
        records: Mapping[ContainerName, ContainerRecord],
        tasks: Mapping[ContainerName, TaskInfo],
    ) -> dict[ContainerName, RootMount]:
        """The root of each container that has one mounted."""
        found = {name: self._mount(entry) for name, entry in self.bundles().items()}
        by_point = {entry.mount_point: entry for entry in self.entries}
        for name, record in records.items():
            path = text(record.spec, "root", "path")
            entry = by_point.get(path.rstrip("/")) if path.startswith("/") else None
            if name not in found and entry is not None:
                found[name] = self._mount(entry)
        for name, task in tasks.items():
            # The shim of io.containerd.runtime.v1.linux mounts in a mount namespace of its own.
            if name not in found and task.state is TaskState.RUNNING:
                mounted = self._of_process(task.pid)
                if mounted is not None:
                    found[name] = mounted
        return found

    def _of_process(self, pid: int) -> RootMount | None:
        """What a container's first process has as its root; None of one that has the host's."""
        if shares_our_mounts(pid):
            return None
        roots = [e for e in readable_mountinfo(pid) or () if e.mount_point == "/"]
        return self._mount(roots[-1]) if roots else None

    def _mount(self, entry: MountEntry) -> RootMount:
        upper = entry.upper_directory
        exists: bool | None = None
        if entry.root_deleted:
            exists = False
        elif upper is not None and entry.fs_type == "overlay":
            # Through the daemon's own root: it may live in another mount namespace.
            exists = _is_there(Path(f"/proc/{self.daemon}/root"), upper)
        elif upper is not None:
            exists = True
        return RootMount(
            mount_point=entry.mount_point,
            upper_directory=upper,
            upper_exists=exists,
        )


def root_reader(
    daemon: int, *, state: Path | None, bundles: Iterable[Path | None]
) -> RootReader | None:
    """A reader for the daemon of this PID; None where its mounts may not be looked at.

    ``state`` is the folder that its configuration names, ``bundles`` are those of its shims.
    """
    entries = readable_mountinfo(daemon)
    if entries is None:
        return None
    states = {bundle.parents[2] for bundle in bundles if bundle and len(bundle.parents) > 2}
    if state is not None:
        states.add(state.resolve())
    return RootReader(daemon=daemon, states=frozenset(states), entries=entries)


def _is_there(root: Path, directory: str) -> bool | None:
    """Whether the directory is there; None where even the folder of all such is not to be seen."""
    seen = root / directory.lstrip("/")
    try:
        seen.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError:
        return None
    else:
        return True
    # <root of the snapshotter>/snapshots/<number>/fs: a collection takes the number's folder.
    folders = seen.parents[1] if len(seen.parents) > 1 else root
    return False if folders.is_dir() else None
