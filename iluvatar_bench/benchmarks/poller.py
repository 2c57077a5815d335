"""What the memory poller costs: ``python -m iluvatar_bench.benchmarks.poller``.

A round of the poller beside psutil's own call and beside opening ``statm`` anew, in turns, over the
same processes in the same run. The processes are idle children of this one: what a read of
``statm`` costs depends on no container around the process. The round is the whole one, with the
host's totals and the keeping of what was read.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Annotated

import numpy as np
import pandas as pd
import psutil
import typer

from iluvatar_bench.host.kernel.held_process import PAGE_BYTES, HeldProcess
from iluvatar_bench.monitor.memory import MemoryPoller

PROCESSES = 100
ROUNDS = 300

POLLER = "poller, a whole round"
HELD = "pread of a held statm"
OPENED = "statm opened anew"
PSUTIL = "psutil memory_info"


@contextmanager
def idle_processes(count: int) -> Iterator[tuple[int, ...]]:
    """So many processes that do nothing; ended and reaped at the end of the block."""
    with ExitStack() as stack:
        pids = []
        for _ in range(count):
            process = subprocess.Popen(["sleep", "3600"])
            stack.callback(process.wait)
            stack.callback(process.kill)
            pids.append(process.pid)
        yield tuple(pids)


def measure_poller(pids: Sequence[int], *, rounds: int = ROUNDS) -> pd.DataFrame:
    """Read the memory of each process ``rounds`` times in each way, in turns.

    Returns:
        One row a way: what, processes, rounds, and of the rounds the median and the 99th
        percentile of the time for one process, ``median_us`` and ``p99_us`` (microseconds).

    Raises:
        ProcessLookupError: one of the processes has ended.
    """
    with ExitStack() as stack:
        held = [stack.enter_context(HeldProcess(pid)) for pid in pids]
        poller = MemoryPoller()
        for number, process in enumerate(held):
            poller.watch(f"container-{number}", process)
        by_psutil = [psutil.Process(pid) for pid in pids]
        ways: dict[str, Callable[[], object]] = {
            POLLER: poller.poll,
            HELD: lambda: [process.rss_bytes() for process in held],
            OPENED: lambda: [_open_and_read(pid) for pid in pids],
            PSUTIL: lambda: [process.memory_info().rss for process in by_psutil],
        }
        microseconds: dict[str, list[float]] = {what: [] for what in ways}
        for _ in range(rounds):
            for what, read in ways.items():
                started = time.perf_counter_ns()
                read()
                elapsed_ns = time.perf_counter_ns() - started
                microseconds[what].append(elapsed_ns / len(pids) / 1000)
    return pd.DataFrame(
        {
            "what": what,
            "processes": len(pids),
            "rounds": rounds,
            "median_us": float(np.median(values)),
            "p99_us": float(np.quantile(values, 0.99)),
        }
        for what, values in microseconds.items()
    )


def _open_and_read(pid: int) -> int:
    descriptor = os.open(f"/proc/{pid}/statm", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return int(os.read(descriptor, 128).split(b" ", 2)[1]) * PAGE_BYTES
    finally:
        os.close(descriptor)


def print_poller_benchmark(
    processes: Annotated[int, typer.Option(min=1, max=400, help="How many.")] = PROCESSES,
    rounds: Annotated[int, typer.Option(min=2, max=10_000, help="How often.")] = ROUNDS,
) -> None:
    """Print what one sample of one container costs, in microseconds."""
    with idle_processes(processes) as pids:
        frame = measure_poller(pids, rounds=rounds)
    sys.stdout.write(frame.to_string(index=False, float_format="{:.2f}".format) + "\n")


if __name__ == "__main__":
    typer.run(print_poller_benchmark)
