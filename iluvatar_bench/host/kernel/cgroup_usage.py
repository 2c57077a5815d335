"""What a container's cgroup has used, whoever made it: processor, memory, pressure, disks.

The directories are those that the kernel names for the container's process, so that it does not
matter which driver made the cgroup. Files of version 1
(https://docs.kernel.org/admin-guide/cgroup-v1/) and 2
(https://docs.kernel.org/admin-guide/cgroup-v2.html).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from iluvatar_bench.host.kernel.mounts import MountEntry, read_mountinfo

_VERSION_2 = ""
"""How /proc/<pid>/cgroup calls the unified hierarchy's controllers."""

_PREFERRED = ("memory", _VERSION_2)
"""The hierarchy whose path stands for the cgroup: the one that counts memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CgroupUsage:
    """Counters since the cgroup was made; None: this host does not keep it.

    Pressure is the time in which some process of the cgroup waited (``total`` of the files
    ``<resource>.pressure``).
    """

    cpu_ms: float | None = None
    throttled_ms: float | None = None
    throttled_periods: int | None = None
    memory_bytes: int | None = None
    memory_peak_bytes: int | None = None
    limit_hits: int | None = None
    """How often the memory limit was in the way (``memory.failcnt``, ``max`` of
    ``memory.events``)."""
    oom_kills: int | None = None
    pids: int | None = None
    """Processes and threads in it now."""
    cpu_pressure_ms: float | None = None
    memory_pressure_ms: float | None = None
    io_pressure_ms: float | None = None
    io_read_bytes: int | None = None
    io_written_bytes: int | None = None

    def as_dict(self) -> dict[str, float | int]:
        """What is known, as JSON-ready values."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class CgroupPlaces:
    """Where one process's cgroup is: its path, and those of its files that count something.

    Which there are is found out once: of each hierarchy's directory most files are not there.
    """

    path: str
    files: tuple[str, ...]


def cgroup_mounts() -> Mapping[str, Path]:
    """The mount point of each controller; that of version 2 under the empty name."""
    found: dict[str, Path] = {}
    for entry in read_mountinfo():
        for controller in _controllers(entry):
            found.setdefault(controller, Path(entry.mount_point))
    return found


def _controllers(entry: MountEntry) -> tuple[str, ...]:
    if entry.fs_type == "cgroup2":
        return (_VERSION_2,)
    return entry.super_options if entry.fs_type == "cgroup" else ()


def cgroup_places(pid: int, mounts: Mapping[str, Path]) -> CgroupPlaces | None:
    """Where a process's cgroup is; None for one that has ended, or is in the root cgroup."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return None
    paths: dict[str, str] = {}
    for line in lines:
        _, controllers, path = line.split(":", 2)
        paths |= dict.fromkeys(controllers.split(","), path)
    # The kernel tells of hierarchies that are mounted nowhere, too.
    preferred = sorted(_PREFERRED, key=lambda name: name not in mounts)
    chosen = next((paths[name] for name in preferred if paths.get(name, "/") != "/"), None)
    if chosen is None:
        return None
    directories = {
        str(mounts[name] / path.lstrip("/")): None
        for name, path in paths.items()
        if name in mounts and path != "/"
    }
    return CgroupPlaces(chosen, counting_files(directories))


def counting_files(directories: Iterable[str]) -> tuple[str, ...]:
    """The files in a cgroup's directories that count something."""
    return tuple(
        file
        for directory in directories
        for name in FIELDS
        if Path(file := f"{directory}/{name}").exists()
    )


def read_usage(places: CgroupPlaces) -> CgroupUsage | None:
    """What the cgroup has used; None where it is gone."""
    facts: dict[str, float | int] = {}
    for file in places.files:
        try:
            descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
            try:
                text = os.read(descriptor, MOST_BYTES)
            finally:
                os.close(descriptor)
        except OSError:
            continue
        for field in FIELDS[file.rpartition("/")[2]]:
            value = field.value(text)
            if value is not None:
                facts.setdefault(field.fact, value)
    return CgroupUsage(**facts) if facts else None  # type: ignore[arg-type]


MOST_BYTES = 65536
"""More than any of these files has."""


@dataclass(frozen=True, slots=True)
class Field:
    """One number in a counting file.

    ``find`` finds it (None: the file is a bare number), everywhere or ``first`` only: then what is
    found is added up. It is divided by ``scale``.
    """

    fact: str
    find: re.Pattern[bytes] | None = None
    scale: int = 1
    first: bool = True

    def value(self, text: bytes) -> float | int | None:
        """The number; None where the file does not have it."""
        if self.find is None:
            number = int(text)
        elif self.first:
            found = self.find.search(text)
            if found is None:
                return None
            number = int(found[1])
        else:
            number = sum(map(int, self.find.findall(text)))
        return number if self.scale == 1 else number / self.scale


def _pressure(resource: str) -> tuple[Field, ...]:
    # The first line is of some process; that of all has a total as well.
    return (Field(f"{resource}_pressure_ms", re.compile(rb"total=(\d+)"), 1000),)


def _disk(read: bytes, written: bytes) -> tuple[Field, ...]:
    """Bytes over all devices."""
    return (
        Field("io_read_bytes", re.compile(read), first=False),
        Field("io_written_bytes", re.compile(written), first=False),
    )


FIELDS: Mapping[str, tuple[Field, ...]] = {
    "cpu.stat": (
        Field("cpu_ms", re.compile(rb"usage_usec (\d+)"), 1000),
        Field("throttled_ms", re.compile(rb"throttled_usec (\d+)"), 1000),
        Field("throttled_ms", re.compile(rb"throttled_time (\d+)"), 1_000_000),
        Field("throttled_periods", re.compile(rb"nr_throttled (\d+)")),
    ),
    "cpuacct.usage": (Field("cpu_ms", scale=1_000_000),),
    "memory.current": (Field("memory_bytes"),),
    "memory.peak": (Field("memory_peak_bytes"),),
    "memory.usage_in_bytes": (Field("memory_bytes"),),
    "memory.max_usage_in_bytes": (Field("memory_peak_bytes"),),
    "memory.failcnt": (Field("limit_hits"),),
    "memory.events": (
        Field("limit_hits", re.compile(rb"\nmax (\d+)")),
        Field("oom_kills", re.compile(rb"\noom_kill (\d+)")),
    ),
    "memory.oom_control": (Field("oom_kills", re.compile(rb"\noom_kill (\d+)")),),
    "pids.current": (Field("pids"),),
    "cpu.pressure": _pressure("cpu"),
    "memory.pressure": _pressure("memory"),
    "io.pressure": _pressure("io"),
    "io.stat": _disk(rb"\brbytes=(\d+)", rb"\bwbytes=(\d+)"),
    "blkio.throttle.io_service_bytes": _disk(rb" Read (\d+)", rb" Write (\d+)"),
}
"""The files of both versions, and the numbers in them."""
