"""What this process holds: descriptors, threads, memory; and how that goes over time."""

from __future__ import annotations

import gc
import os
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from scipy import stats


@dataclass(frozen=True, slots=True)
class Held:
    """``memory_bytes`` is what the process has allocated and touched: no page of any file.

    Pages of libraries count as a process's own (USS) or not as others come and go that use them.
    ``python_threads`` are those among ``threads`` that Python has started and not the libraries.
    """

    descriptors: int
    threads: int
    python_threads: int
    memory_bytes: int


def pooled_threads() -> int:
    """How many threads pyarrow may still start: its two pools grow as work waits, up to this.

    (arrow/util/thread_pool.h, ``ThreadPool``: workers are launched by demand and kept.)
    """
    return int(pa.cpu_count() + pa.io_thread_count())


def held(*, collect: bool = False) -> Held:
    """``collect`` frees first what only waits for Python's collector."""
    if collect:
        gc.collect()
    found = re.search(r"^RssAnon:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.M)
    assert found is not None
    return Held(
        descriptors=len(os.listdir("/proc/self/fd")) - 1,  # noqa: PTH208  (one is the listing's own)
        threads=len(os.listdir("/proc/self/task")),  # noqa: PTH208
        python_threads=threading.active_count(),
        memory_bytes=int(found[1]) * 1024,
    )


@dataclass(frozen=True, slots=True)
class Slope:
    """The change of ``y`` for one of ``x``, with its interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"


def slope(x: Sequence[float], y: Sequence[float], *, blocks: int = 20) -> Slope:
    """Least squares over the means of ``blocks`` equal stretches, with its 95 % t interval.

    Neighbouring samples of one process are alike: by single samples the interval would be too
    narrow. The means of long stretches are nearly independent.
    """
    means = [
        (float(np.mean(xs)), float(np.mean(ys)))
        for xs, ys in zip(np.array_split(x, blocks), np.array_split(y, blocks), strict=True)
    ]
    found = stats.linregress(*zip(*means, strict=True))
    margin = float(stats.t.ppf(0.975, blocks - 2)) * found.stderr
    return Slope(found.slope, found.slope - margin, found.slope + margin)
