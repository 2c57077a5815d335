"""What the monitor costs: ``monitor-benchmark``.

A round of the poller, of memory alone and of everything, beside psutil's own calls and beside
opening ``statm`` anew, in turns, over the same processes in the same run. The processes are
children of this one, each in a cgroup and a network namespace of its own with a pair of devices,
as a container's process is: what a read costs depends on nothing else of a container. They are
idle, but for the rounds before which each of them is woken, runs for a moment and sleeps again. A
round is the whole one, with the host's totals and the keeping of what was read. The least that it
could cost is the bare reading of the files that are due in a sample.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import cycle

import numpy as np
import pandas as pd
import psutil

from iluvatar_bench.host.kernel import cgroups
from iluvatar_bench.host.kernel.cgroup_usage import cgroup_mounts
from iluvatar_bench.host.kernel.controllers import give_controllers
from iluvatar_bench.host.kernel.held_counters import TURNS, HeldCounters
from iluvatar_bench.host.kernel.held_process import PAGE_BYTES, HeldProcess
from iluvatar_bench.monitor.memory import MemoryPoller

PROCESSES = 100
ROUNDS = 300

COUNTED = "poller of everything, a whole round"
RAN = "the same, of processes that have run since the last"
RECORDED = "the same, and its records made"
POLLER = "poller of memory alone, a whole round"
BARE = "bare pread of every file of the poller of everything"
DUE = "bare pread of those that are due, of processes that have run since the last"
HELD = "pread of a held statm"
OPENED = "statm opened anew"
PSUTIL = "psutil: memory_info"
PSUTIL_ALL = "psutil: cpu_times, memory_info, io_counters, num_threads"

_WOKEN = (RAN, DUE)

_IDLE = "ip link add eth0 type veth peer name eth1; exec cat"


@contextmanager
def standing_processes(
    count: int, *, command: str = _IDLE, name: str = "cat"
) -> Iterator[tuple[subprocess.Popen[bytes], ...]]:
    """So many processes that wait for input, each in a cgroup and a network namespace of its own.

    ``command`` is the shell's, which becomes a program called ``name``. They are ended and reaped
    at the end of the block, and their cgroups removed.
    """
    home = f"{cgroups.PARENT}/monitor-benchmark-{os.getpid()}"
    with ExitStack() as stack:
        stack.callback(cgroups.remove_if_empty, cgroups.PARENT)
        stack.callback(cgroups.remove_tree, home)
        processes: list[subprocess.Popen[bytes]] = []
        for number in range(count):
            process = subprocess.Popen(
                ["unshare", "--net", "sh", "-c", command],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
            )
            assert process.stdin is not None
            stack.callback(process.wait)
            stack.callback(process.stdin.close)
            stack.callback(process.kill)
            _join(process.pid, f"{home}/{number}")
            processes.append(process)
        for process in processes:
            _await_program(process.pid, name)
        yield tuple(processes)


@contextmanager
def idle_processes(count: int) -> Iterator[tuple[int, ...]]:
    """The PIDs of so many :func:`standing_processes`."""
    with standing_processes(count) as processes:
        yield tuple(process.pid for process in processes)


def _join(pid: int, cgroup: str) -> None:
    cgroups.make(cgroup)
    give_controllers(cgroup)
    cgroups.move(pid, cgroup)


def _await_program(pid: int, name: str) -> None:
    """Return once the process has become what it is to be."""
    deadline = time.monotonic() + 30
    while psutil.Process(pid).name() != name:
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {pid} is not ready after 30 s")
        os.sched_yield()


def measure_poller(
    pids: Sequence[int], *, rounds: int = ROUNDS, wake: Callable[[], None] | None = None
) -> pd.DataFrame:
    """Read what each process uses ``rounds`` times in each way, in turns.

    ``wake`` lets each of them run for a moment; without it the ways of those that ran are left out.

    Returns:
        One row a way: what, processes, rounds, and of the rounds the median and the 99th
        percentile of the time for one process, ``median_us`` and ``p99_us``, and the median of the
        processor time, ``processor_us``, which other load does not stretch (microseconds).

    Raises:
        ProcessLookupError: one of the processes has ended.
    """
    with ExitStack() as stack:
        held = [stack.enter_context(HeldProcess(pid)) for pid in pids]
        pollers = [MemoryPoller(keep=False, counters=counters) for counters in (False, True, True)]
        for one in pollers:
            stack.callback(one.close)
            for number, process in enumerate(held):
                one.watch(f"container-{number}", process)
            one.poll()  # opens the files
        memory, idle, woken = pollers
        mounts = cgroup_mounts()
        counters = [HeldCounters(pid, mounts, number=at) for at, pid in enumerate(pids)]
        for counted in counters:
            stack.callback(counted.close)
        bare = [one for counted in counters for one in counted.lengths]
        due = cycle(
            [one for at, counted in enumerate(counters) for one in counted.due(sample + at)]
            for sample in range(TURNS)
        )
        by_psutil = [psutil.Process(pid) for pid in pids]
        ways: dict[str, Callable[[], object]] = {
            COUNTED: idle.poll,
            RECORDED: lambda: list(idle.poll().samples("r", before=None)),
            **({} if wake is None else {RAN: woken.poll, DUE: lambda: _read_each(next(due))}),
            BARE: lambda: _read_each(bare),
            POLLER: memory.poll,
            HELD: lambda: [process.rss_bytes() for process in held],
            OPENED: lambda: [_open_and_read(pid) for pid in pids],
            PSUTIL: lambda: [process.memory_info().rss for process in by_psutil],
            PSUTIL_ALL: lambda: [_all_of(process) for process in by_psutil],
        }
        microseconds: dict[str, list[float]] = {what: [] for what in ways}
        used: dict[str, list[float]] = {what: [] for what in ways}
        for _ in range(rounds):
            for what, read in ways.items():
                if what in _WOKEN and wake is not None:
                    wake()
                started, running = time.perf_counter_ns(), time.thread_time_ns()
                read()
                ran, elapsed = time.thread_time_ns() - running, time.perf_counter_ns() - started
                microseconds[what].append(elapsed / len(pids) / 1000)
                used[what].append(ran / len(pids) / 1000)
                if what in _WOKEN:
                    idle.poll()  # in its turn it is to find them idle
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


def wake(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Let each of :func:`standing_processes` run for a moment; all sleep again then."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"x")
        process.stdin.flush()
    deadline = time.monotonic() + 30
    for process in processes:
        while psutil.Process(process.pid).status() != psutil.STATUS_SLEEPING:
            if time.monotonic() > deadline:
                raise TimeoutError(f"process {process.pid} does not sleep after 30 s")
            os.sched_yield()


def _all_of(process: psutil.Process) -> tuple[object, ...]:
    with process.oneshot():
        return (
            process.cpu_times(),
            process.memory_info(),
            process.io_counters(),
            process.num_threads(),
        )


def _read_each(files: Iterable[tuple[int, int]]) -> None:
    for descriptor, length in files:
        os.pread(descriptor, length, 0)


def _open_and_read(pid: int) -> int:
    descriptor = os.open(f"/proc/{pid}/statm", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return int(os.read(descriptor, 128).split(b" ", 2)[1]) * PAGE_BYTES
    finally:
        os.close(descriptor)
