"""What else the host was doing: load, stolen time, stalls, other containerds. Never fails.

A run's own load is in most of these numbers, so two readings are told apart: what was there before
a run began, which is other people's, and what happened while it ran.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

_PRESSURES = ("cpu", "io", "memory")


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """One reading; None where the kernel does not say.

    Times are seconds since boot, over all processors. ``stalled`` has the seconds in which some
    task waited for a resource (PSI, Linux 4.20). ``mhz`` is the mean clock rate, ``celsius`` the
    hottest sensor. ``containerds`` counts processes of that name, our own included.
    """

    at: float
    """When it was read, on the monotonic clock."""
    load: float | None
    stolen: float | None
    total: float | None
    busy: float | None
    stalled: Mapping[str, float]
    mhz: float | None
    celsius: float | None
    containerds: int | None


def read_noise() -> Noise:
    """The host now. What cannot be read is None."""
    times = psutil.cpu_times()
    # Guest time is in user time already (proc(5)).
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return Noise(
        at=time.monotonic(),
        load=os.getloadavg()[0],
        stolen=getattr(times, "steal", None),
        total=total,
        busy=total - times.idle - getattr(times, "iowait", 0.0),
        stalled={name: value for name in _PRESSURES if (value := _stalled(name)) is not None},
        mhz=_mhz(),
        celsius=_celsius(),
        containerds=_containerds(),
    )


def noise_between(before: Noise, after: Noise) -> dict[str, float]:
    """What happened between two readings, as shares of the time; what is not known is left out.

    ``stolen`` and ``busy`` are shares of all processors' time, ``stalled_cpu``, ``stalled_io`` and
    ``stalled_memory`` of the time that passed.
    """
    seconds = after.at - before.at
    shares: dict[str, float] = {}
    if before.total is not None and after.total is not None and after.total > before.total:
        passed = after.total - before.total
        for name in ("stolen", "busy"):
            one, other = getattr(before, name), getattr(after, name)
            if one is not None and other is not None:
                shares[name] = (other - one) / passed
    if seconds > 0:
        for name in before.stalled.keys() & after.stalled.keys():
            shares[f"stalled_{name}"] = (after.stalled[name] - before.stalled[name]) / seconds
    return {name: round(min(1.0, max(0.0, share)), 4) for name, share in sorted(shares.items())}


def noise_of_run(before: Noise, after: Noise) -> dict[str, Any]:
    """For a manifest: the reading before the run, the one after it, what happened in between."""
    return {
        "before": asdict(before),
        "after": asdict(after),
        "between": noise_between(before, after),
    }


def _stalled(resource: str) -> float | None:
    with suppress(OSError, ValueError, IndexError):
        text = Path(f"/proc/pressure/{resource}").read_text()
        (some,) = [line for line in text.splitlines() if line.startswith("some")]
        return int(some.rsplit("total=", 1)[1]) / 1e6
    return None


def _mhz() -> float | None:
    with suppress(OSError, RuntimeError, NotImplementedError):
        frequency = psutil.cpu_freq()
        return None if frequency is None else float(frequency.current)
    return None


def _celsius() -> float | None:
    with suppress(OSError, RuntimeError, AttributeError):
        readings = [
            s.current for sensors in psutil.sensors_temperatures().values() for s in sensors
        ]
        return float(max(readings)) if readings else None
    return None


def _containerds() -> int | None:
    with suppress(psutil.Error, OSError):
        names = [process.info["name"] for process in psutil.process_iter(["name"])]
        return names.count("containerd")
    return None
