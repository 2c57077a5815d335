"""How fast, how small and how right the reader is, beside grep on the same file."""

from __future__ import annotations

import io
import multiprocessing
import os
import re
import resource
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from iluvatar_bench.benchmarks.generated_logs import FORMATS, write_log
from iluvatar_bench.errors import MissingProgram, UsageError
from iluvatar_bench.worker_logs.prefilter import search_words
from iluvatar_bench.worker_logs.scan import scan

COLUMNS = (
    "format",
    "size_mb",
    "failures",
    "exact",
    "seconds",
    "mb_per_s",
    "grep_seconds",
    "times_grep",
    "peak_mb",
)


@dataclass(frozen=True, slots=True)
class _Measured:
    seconds: float
    peak_mb: float
    counts: dict[str, int]


def run_benchmark(
    *,
    size_mb: int = 1000,
    failures: int = 3000,
    formats: Sequence[str] = FORMATS,
    folder: Path | None = None,
) -> pd.DataFrame:
    """Generate a log per format with known failures, read it, and search it with ``grep -cE``.

    One row per format. ``exact``: the counts per class are those written. ``seconds`` and
    ``grep_seconds`` are processor time, of one core each and system calls included, so that what
    else the machine does counts for neither; grep searches the same words with ``LC_ALL=C``, and
    both find the file in the page cache. ``mb_per_s`` is megabytes (10^6 bytes) of log per second,
    ``times_grep`` our seconds divided by grep's. ``peak_mb`` is the largest resident memory (MiB)
    of the process that read, a fresh one for each file, with everything imported.

    The files lie in ``folder`` (default: the temporary folder) one at a time and are removed.

    Raises:
        UsageError: an unknown format, or a size or number of failures below 1.
        MissingProgram: there is no grep.
    """
    if size_mb < 1 or failures < 1:
        raise UsageError("size_mb and failures must be at least 1")
    if shutil.which("grep") is None:
        raise MissingProgram("the benchmark compares with grep, which is not installed")
    rows = []
    with tempfile.TemporaryDirectory(dir=folder, prefix="iluvatar-bench-logs-") as name:
        for format in formats:
            path = Path(name) / f"{format}.log"
            size = size_mb * 10**6
            expected = write_log(path, format=format, size_bytes=size, failures=failures)
            rows.append(_row(path, format, {str(c): n for c, n in expected.items()}))
            path.unlink()
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(path: Path, format: str, expected: dict[str, int]) -> tuple[object, ...]:
    # A process of its own: the peak of this one would be that of everything before.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
        measured = pool.submit(_measure, path).result()
    grep_seconds = _grep(path)
    size_mb = path.stat().st_size / 1e6
    return (
        format,
        size_mb,
        sum(expected.values()),
        measured.counts == expected,
        measured.seconds,
        size_mb / measured.seconds,
        grep_seconds,
        measured.seconds / grep_seconds,
        measured.peak_mb,
    )


_FIRST = b"[main] ERROR: the first error loads the signatures, their search and the words\n"


def _measure(path: Path) -> _Measured:
    # What is loaded when the first log is read takes as long as some 40 MB of healthy lines.
    scan(["-"], stdin=io.BytesIO(_FIRST))
    with path.open("rb") as file:
        while file.read(1 << 20):
            pass
    before = time.process_time()
    report = scan([path])
    seconds = time.process_time() - before
    counts = Counter(report.failures["bug_class"])
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return _Measured(seconds, peak_kib / 1024, dict(counts))


def _grep(path: Path) -> float:
    """Seconds of ``grep -cE`` with the words of the search as alternatives."""
    special = re.compile(r"([.\[\]()*+?{}|^$\\])")
    # grep knows no line ends within a pattern.
    words = [word for word in search_words() if "\n" not in word and "\x1b" not in word]
    pattern = "|".join(special.sub(r"\\\1", word) for word in words)
    before = _children_seconds()
    subprocess.run(
        ["grep", "-cE", "-e", pattern, str(path)],
        env={**os.environ, "LC_ALL": "C"},
        # Not to /dev/null: there grep stops at the first match.
        capture_output=True,
        check=False,
    )
    return _children_seconds() - before


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
