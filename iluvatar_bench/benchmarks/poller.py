"""What the monitor costs: ``monitor-benchmark``.

A round of the poller, of memory alone and of everything, beside psutil's own calls and beside
opening ``statm`` anew, in turns, over the same processes in the same run. The processes are idle
children of this one, each in a cgroup and a network namespace of its own with a pair of devices,
as a container's process is: what a read costs depends on nothing else of a container. A round is
the whole one, with the host's totals and the keeping of what was read.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import numpy as np
import pandas as pd
import psutil

from iluvatar_bench.host.kernel import cgroups
from iluvatar_bench.host.kernel.held_process import PAGE_BYTES, HeldProcess
from iluvatar_bench.monitor.memory import MemoryPoller

PROCESSES = 100
ROUNDS = 300

COUNTED = "poller of everything, a whole round"
RECORDED = "the same, and its records made"
POLLER = "poller of memory alone, a whole round"
HELD = "pread of a held statm"
OPENED = "statm opened anew"
PSUTIL = "psutil: memory_info"
PSUTIL_ALL = "psutil: cpu_times, memory_info, io_counters, num_threads"

_IDLE = "ip link add eth0 type veth peer name eth1; exec sleep 3600"


@contextmanager
def idle_processes(count: int) -> Iterator[tuple[int, ...]]:
    """So many processes that do nothing, each in a cgroup and a network namespace of its own.

    They are ended and reaped at the end of the block, and their cgroups removed.
    """
    home = f"{cgroups.PARENT}/monitor-benchmark-{os.getpid()}"
    with ExitStack() as stack:
        stack.callback(cgroups.remove_tree, home)
        pids = []
        for number in range(count):
            process = subprocess.Popen(["unshare", "--net", "sh", "-c", _IDLE])
            stack.callback(process.wait)
            stack.callback(process.kill)
            _join(process.pid, f"{home}/{number}")
            pids.append(process.pid)
        for pid in pids:
            _await_sleep(pid)
        yield tuple(pids)


def _join(pid: int, cgroup: str) -> None:
    cgroups.make(cgroup)
    for mount in cgroups.hierarchies():
        (mount / cgroup.lstrip("/") / "cgroup.procs").write_text(str(pid))


def _await_sleep(pid: int) -> None:
    """Return once the process has become what it is to be."""
    deadline = time.monotonic() + 30
    while psutil.Process(pid).name() != "sleep":
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {pid} is not ready after 30 s")
        os.sched_yield()


def measure_poller(pids: Sequence[int], *, rounds: int = ROUNDS) -> pd.DataFrame:
    """Read what each process uses ``rounds`` times in each way, in turns.

    Returns:
        One row a way: what, processes, rounds, and of the rounds the median and the 99th
        percentile of the time for one process, ``median_us`` and ``p99_us``, and the median of the
        processor time, ``processor_us``, which other load does not stretch (microseconds).

    Raises:
        ProcessLookupError: one of the processes has ended.
    """
    with ExitStack() as stack:
        held = [stack.enter_context(HeldProcess(pid)) for pid in pids]
        poller, whole = MemoryPoller(keep=False), MemoryPoller(keep=False, counters=True)
        for one in (poller, whole):
            stack.callback(one.close)
            for number, process in enumerate(held):
                one.watch(f"container-{number}", process)
        whole.poll()  # opens the files
        by_psutil = [psutil.Process(pid) for pid in pids]
        ways: dict[str, Callable[[], object]] = {
            COUNTED: whole.poll,
            RECORDED: lambda: list(whole.poll().samples("r", before=None)),
            POLLER: poller.poll,
            HELD: lambda: [process.rss_bytes() for process in held],
            OPENED: lambda: [_open_and_read(pid) for pid in pids],
            PSUTIL: lambda: [process.memory_info().rss for process in by_psutil],
            PSUTIL_ALL: lambda: [_all_of(process) for process in by_psutil],
        }
        microseconds: dict[str, list[float]] = {what: [] for what in ways}
        used: dict[str, list[float]] = {what: [] for what in ways}
        for _ in range(rounds):
            for what, read in ways.items():
                started, running = time.perf_counter_ns(), time.thread_time_ns()
                read()
                ran, elapsed = time.thread_time_ns() - running, time.perf_counter_ns() - started
                microseconds[what].append(elapsed / len(pids) / 1000)
                used[what].append(ran / len(pids) / 1000)
    return pd.DataFrame(
        {
            "what": what,
            "processes": len(pids),
            "rounds": rounds,
            "median_us": float(np.median(values)),
            "p99_us": float(np.quantile(values, 0.99)),
            "processor_us": float(np.median(used[what])),
        }
        for what, values in microseconds.items()
    )


def _all_of(process: psutil.Process) -> tuple[object, ...]:
    with process.oneshot():
        return (
            process.cpu_times(),
            process.memory_info(),
            process.io_counters(),
            process.num_threads(),
        )


def _open_and_read(pid: int) -> int:
    descriptor = os.open(f"/proc/{pid}/statm", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return int(os.read(descriptor, 128).split(b" ", 2)[1]) * PAGE_BYTES
    finally:
        os.close(descriptor)
