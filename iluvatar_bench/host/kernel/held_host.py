"""What the host is doing, from files that are held open: load, stolen time, stalls."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from os import pread

_PRESSURES = ("cpu", "memory", "io")
_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
_STEAL = 8
"""Its place in the first line of /proc/stat (proc(5))."""

_TOTAL = re.compile(rb"total=(\d+)")
_BYTES = 512
"""More than the first line of any of these files has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostMoment:
    """The host in one moment; None: it does not say.

    ``load`` is the mean of a minute. Times are milliseconds since boot: stolen over all processors,
    pressure as time in which some task waited (PSI, Linux 4.20).
    """

    load: float | None = None
    steal_ms: float | None = None
    cpu_pressure_ms: float | None = None
    memory_pressure_ms: float | None = None
    io_pressure_ms: float | None = None


class HeldHost:
    """Reads the host. Close it. What cannot be opened or read is not told; it never fails."""

    def __init__(self) -> None:
        self._files: dict[str, int] = {}
        for name, path in (
            ("stat", "/proc/stat"),
            *((one, f"/proc/pressure/{one}") for one in _PRESSURES),
        ):
            with suppress(OSError):
                self._files[name] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def read(self) -> HostMoment:
        """The host now."""
        return HostMoment(
            load=os.getloadavg()[0],
            steal_ms=self._stolen(),
            cpu_pressure_ms=self._stalled("cpu"),
            memory_pressure_ms=self._stalled("memory"),
            io_pressure_ms=self._stalled("io"),
        )

    def _stolen(self) -> float | None:
        with suppress(OSError, KeyError, IndexError):
            return int(pread(self._files["stat"], _BYTES, 0).split(None, 9)[_STEAL]) * _TICK_MS
        return None

    def _stalled(self, resource: str) -> float | None:
        # A kernel without PSI has no such file, or does not let it be read (psi=0).
        with suppress(OSError, KeyError):
            found = _TOTAL.search(pread(self._files[resource], _BYTES, 0))
            return None if found is None else int(found[1]) / 1000
        return None

    def close(self) -> None:
        """Let go of the files. Safe to repeat."""
        while self._files:
            os.close(self._files.popitem()[1])
