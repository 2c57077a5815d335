"""Control groups, version 1, 2 and the hybrid of both, below paths of our own.

A *path* here is what an OCI spec's ``cgroupsPath`` says (``/iluvatar-bench/...``): the same name
below the mount point of every hierarchy.

Cgroups go away while one looks, for a neighbour's containers end: ``os.walk`` passes over them,
where ``Path.glob``, ``rglob`` and ``iterdir`` fail.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Sequence
from pathlib import Path

from iluvatar_bench.host.kernel.mounts import mounts_of

PARENT = "/iluvatar-bench"
"""Every cgroup of ours is below this one."""


def hierarchies() -> tuple[Path, ...]:
    """The mount point of each cgroup hierarchy; the unified one of version 2 comes first."""
    mounts = sorted(mounts_of("cgroup", "cgroup2"), key=lambda m: m.fs_type != "cgroup2")
    return tuple(dict.fromkeys(Path(m.mount_point) for m in mounts))


def mode() -> str:
    """``v2`` (unified), ``v1``, ``hybrid`` (both, controllers on version 1) or ``none``."""
    kinds = {m.fs_type for m in mounts_of("cgroup", "cgroup2")}
    if kinds == {"cgroup2"}:
        return "v2"
    if kinds == {"cgroup"}:
        return "v1"
    return "hybrid" if kinds else "none"


def _directories(path: str) -> list[Path]:
    relative = path.lstrip("/")
    if not relative:
        raise ValueError("the root cgroup is never ours")
    candidates = (mount / relative for mount in hierarchies())
    return [directory for directory in candidates if directory.is_dir()]


def make(path: str) -> None:
    """Make the cgroup in every hierarchy, with all above it, so that processes can join it.

    A new cgroup of version 1's ``cpuset`` takes no process before its processors and memory are
    set (cpuset(7)): it gets those of the one above. Making one that is there changes nothing.

    Raises:
        OSError: the kernel refuses it, or it was removed as often as it was made.
    """
    names = path.strip("/").split("/")
    for mount in hierarchies():
        for left in reversed(range(_TIMES_MADE)):
            try:
                _make_below(mount, names)
                break
            except OSError as error:
                # Whoever else has cgroups below the same one removes that as the last to leave. One
                # that was found, and is gone as mkdir looks at it, is EEXIST (pathlib of 3.11).
                if error.errno not in (errno.ENOENT, errno.ENODEV, errno.EEXIST) or not left:
                    raise


_TIMES_MADE = 20


def _make_below(mount: Path, names: Sequence[str]) -> None:
    directory = mount
    for name in names:
        directory /= name
        directory.mkdir(exist_ok=True)
        for setting in ("cpuset.cpus", "cpuset.mems"):
            own, above = directory / setting, directory.parent / setting
            if mount.name == "cpuset" and not own.read_text().strip():
                own.write_text(above.read_text())


def move(pid: int, path: str) -> None:
    """Put a process into a cgroup that :func:`make` has made, in every hierarchy.

    Raises:
        OSError: the kernel refuses it, or there is no such process or cgroup.
    """
    for mount in hierarchies():
        (mount / path.strip("/") / "cgroup.procs").write_text(str(pid))


def members(path: str, *, recursive: bool = False) -> frozenset[int] | None:
    """PIDs in the cgroup, in any hierarchy; None when the cgroup does not exist."""
    directories = _directories(path)
    if not directories:
        return None
    pids: set[int] = set()
    for top in directories:
        for directory in (name for name, _, _ in os.walk(top)) if recursive else (top,):
            try:
                text = (Path(directory) / "cgroup.procs").read_text()
                pids.update(int(line) for line in text.split())
            except OSError:
                # The cgroup went away between the listing and the read, or is threaded.
                continue
    return frozenset(pids)


def identity(path: str) -> int | None:
    """The number that the kernel gave the cgroup, and gives to no other; None: there is none.

    A cgroup that was removed and made again has another one: its directory's inode, on hosts of 64
    bits (Linux v6.1, fs/kernfs/dir.c, kernfs_new_node).
    """
    for directory in _directories(path):
        try:
            return directory.stat().st_ino
        except OSError:
            continue
    return None


def children(path: str) -> tuple[str, ...]:
    """The names of the cgroups directly below, in any hierarchy."""
    names: set[str] = set()
    for top in _directories(path):
        _, below, _ = next(os.walk(top), ("", [], []))
        names.update(below)
    return tuple(sorted(names))


def controllers_above(path: str) -> tuple[str, ...] | None:
    """The controllers that cgroups beside this one have, with version 2 alone; else None.

    ``cgroup.subtree_control`` of the one above it, or of the nearest one above that exists.
    """
    if mode() != "v2":
        return None
    (mount,) = hierarchies()[:1]
    directory = (mount / path.strip("/")).parent
    while directory != mount and not directory.is_dir():
        directory = directory.parent
    try:
        return tuple((directory / "cgroup.subtree_control").read_text().split())
    except OSError:
        return None


def oom_kills(path: str) -> int | None:
    """The cgroup's counter of processes killed at its memory limit; None when not readable.

    It goes away with the cgroup: read it before Tasks.Delete.
    """
    return (memory_counters(path) or {}).get("oom_kill")


def memory_counters(path: str) -> dict[str, int] | None:
    """What the cgroup counts of its memory limit; None when the cgroup or its files are not there.

    Version 1 keeps ``oom_kill`` (since Linux 4.13) and ``under_oom`` in ``memory.oom_control``, and
    how often the limit was hit in ``memory.failcnt``, named ``failcnt`` here; version 2 keeps
    ``oom_kill``, ``oom``, ``max`` and others in ``memory.events``.
    """
    counters: dict[str, int] = {}
    for directory in _directories(path):
        for name in ("memory.events", "memory.oom_control", "memory.failcnt"):
            try:
                lines = (directory / name).read_text().splitlines()
            except OSError:
                continue
            for line in lines:
                # memory.failcnt is a bare number.
                key, _, value = line.rpartition(" ")
                counters.setdefault(key or "failcnt", int(value))
    return counters or None


def is_frozen(path: str) -> bool | None:
    """Whether the kernel keeps the processes of the cgroup from running; None: it is not known.

    Version 1 says so in ``freezer.state`` (``FREEZING``: some still run), also where a cgroup above
    it was frozen; version 2 in ``cgroup.events``.
    """
    found = None
    for directory in _directories(path):
        for name, frozen in (("freezer.state", "FROZEN"), ("cgroup.events", "frozen 1")):
            try:
                lines = (directory / name).read_text().splitlines()
            except OSError:
                continue
            found = bool(found) or frozen in lines
    return found


_THROTTLED = re.compile(r"^throttled_(?:time|(?P<micro>usec)) (?P<count>\d+)$", re.MULTILINE)


def throttled_seconds(path: str) -> float | None:
    """For how long its own limit kept the cgroup from running, added up over processors.

    In ``cpu.stat``: nanoseconds of version 1, microseconds of version 2. None: it is not known.
    """
    for directory in _directories(path):
        try:
            found = _THROTTLED.search((directory / "cpu.stat").read_text())
        except OSError:
            continue
        if found is not None:
            return int(found["count"]) / (1e6 if found["micro"] else 1e9)
    return None


def memory_limit(path: str) -> int | None:
    """The cgroup's memory limit in bytes; 0: none. None: there is no such cgroup, or controller."""
    for directory in _directories(path):
        for name in ("memory.limit_in_bytes", "memory.max"):
            try:
                text = (directory / name).read_text().strip()
            except OSError:
                continue
            # Without a limit version 1 says 2^63 rounded down to a page, version 2 "max".
            return 0 if text == "max" or int(text) >= 1 << 62 else int(text)
    return None


def remove_tree(path: str) -> list[str]:
    """Remove the cgroup and those below it from every hierarchy, innermost first.

    Returns:
        what could not be removed, with the reason; empty when all is gone.
    """
    left: list[str] = []
    for directory in _directories(path):
        for cgroup, _, _ in os.walk(directory, topdown=False):
            try:
                Path(cgroup).rmdir()
            except FileNotFoundError:
                continue
            except OSError as error:
                left.append(f"{cgroup}: {os.strerror(error.errno or errno.EIO)}")
    return left


def remove_if_empty(path: str) -> None:
    """Remove the cgroup itself where nothing is in it or below it."""
    for directory in _directories(path):
        try:
            directory.rmdir()
        except OSError:
            # In use by another private daemon: it will remove it.
            continue
