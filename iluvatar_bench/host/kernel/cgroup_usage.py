"""What a container's cgroup has used, whoever made it: processor, memory, pressure, disks.

The directories are those that the kernel names for the container's process, so that it does not
matter which driver made the cgroup. Files of version 1
(https://docs.kernel.org/admin-guide/cgroup-v1/) and 2
(https://docs.kernel.org/admin-guide/cgroup-v2.html).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
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
    oom_kills: int | None = None
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
    chosen = next((paths[name] for name in _PREFERRED if paths.get(name, "/") != "/"), None)
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
        for name in (*_FIELDS, *_PRESSURES, _DISK_2, _DISK_1)
        if Path(file := f"{directory}/{name}").exists()
    )


def read_usage(places: CgroupPlaces) -> CgroupUsage | None:
    """What the cgroup has used; None where it is gone."""
    facts: dict[str, float | int] = {}
    for file in places.files:
        for name, value in _facts(file):
            facts.setdefault(name, value)
    return CgroupUsage(**facts) if facts else None  # type: ignore[arg-type]


def _facts(file: str) -> Iterator[tuple[str, float | int]]:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            text = os.read(descriptor, _MOST_BYTES).decode()
        finally:
            os.close(descriptor)
    except OSError:
        return
    name = file.rpartition("/")[2]
    if name in _PRESSURES:
        total = text.partition("\n")[0].rpartition("total=")[2]
        if total:
            yield _PRESSURES[name], int(total) / 1000
    elif name in (_DISK_1, _DISK_2):
        yield from _disk(name, text)
    else:
        values = _values(text)
        for key, (fact, scale) in _FIELDS[name].items():
            if key in values:
                yield fact, values[key] / scale if scale != 1 else values[key]


_MOST_BYTES = 65536

_PRESSURES: Mapping[str, str] = {
    f"{resource}.pressure": f"{resource}_pressure_ms" for resource in ("cpu", "memory", "io")
}
_DISK_1, _DISK_2 = "blkio.throttle.io_service_bytes", "io.stat"

_FIELDS: Mapping[str, Mapping[str, tuple[str, int]]] = {
    "cpu.stat": {
        "usage_usec": ("cpu_ms", 1000),
        "throttled_usec": ("throttled_ms", 1000),
        "throttled_time": ("throttled_ms", 1_000_000),
        "nr_throttled": ("throttled_periods", 1),
    },
    "cpuacct.usage": {"": ("cpu_ms", 1_000_000)},
    "memory.current": {"": ("memory_bytes", 1)},
    "memory.peak": {"": ("memory_peak_bytes", 1)},
    "memory.usage_in_bytes": {"": ("memory_bytes", 1)},
    "memory.max_usage_in_bytes": {"": ("memory_peak_bytes", 1)},
    "memory.events": {"oom_kill": ("oom_kills", 1)},
    "memory.oom_control": {"oom_kill": ("oom_kills", 1)},
}
"""File, key (empty: the file is a bare number), and what it is divided by."""


def _values(text: str) -> dict[str, int]:
    pairs = (line.rpartition(" ") for line in text.splitlines())
    return {key: int(value) for key, _, value in pairs if value.isdigit()}


def _disk(name: str, text: str) -> Iterator[tuple[str, int]]:
    """Bytes read and written, over all devices."""
    if name == _DISK_2:
        words = [word.partition("=") for word in text.split()]
        for key, fact in (("rbytes", "io_read_bytes"), ("wbytes", "io_written_bytes")):
            yield fact, sum(int(value) for word, _, value in words if word == key)
        return
    rows = [line.split() for line in text.splitlines()]
    for key, fact in (("Read", "io_read_bytes"), ("Write", "io_written_bytes")):
        yield fact, sum(int(row[2]) for row in rows if len(row) == 3 and row[1] == key)
