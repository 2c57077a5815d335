"""The memory poller over real processes."""

from __future__ import annotations

import asyncio
import logging
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from iluvatar_bench.benchmarks.poller import idle_processes
from iluvatar_bench.host.kernel.held_process import HeldProcess
from iluvatar_bench.monitor import MemoryPoller
from iluvatar_bench.monitor.memory import Round
from iluvatar_bench.records import Sample
from iluvatar_bench.records.frames import Observations
from iluvatar_bench.worker_logs.prefilter import MEMORY_CHANGES
from tests.support.descriptors import open_descriptors
from tests.support.limits_here import needs_memory

GROWING = """
import sys
held = []
for line in sys.stdin:
    held.append(bytearray(64 << 20))
    print("grown", flush=True)
"""


class Grower:
    """A process that takes 64 MiB more each time it is told to."""

    def __init__(self) -> None:
        import sys

        self.process = subprocess.Popen(
            [sys.executable, "-c", GROWING],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.grow()

    def grow(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("more\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "grown\n"

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def grower() -> Iterator[Grower]:
    grower = Grower()
    yield grower
    grower.end()


def test_rounds_hold_memory_differences_and_the_hosts_totals(grower: Grower) -> None:
    poller = MemoryPoller()
    with HeldProcess(grower.process.pid) as process:
        poller.watch("c", process)
        first = poller.poll()
        grower.grow()
        second = poller.poll()
    ((_, before, no_difference),) = first.readings(None)
    ((_, after, difference),) = second.readings(first)
    assert no_difference is None
    assert before is not None
    assert after is not None
    assert difference == after - before == second.diff_bytes
    assert 60 << 20 < difference < 70 << 20
    assert (first.total_bytes, second.total_bytes) == (before, after)
    assert second.host_total_bytes == psutil.virtual_memory().total
    sample, whole = poller.samples("run")[2:]
    assert (sample.container_id, sample.rss_bytes, sample.diff_bytes) == ("c", after, difference)
    assert (whole.container_id, whole.rss_bytes, whole.round) == (None, after, 1)
    assert whole.host_used_bytes == second.host_used_bytes


def test_one_that_is_gone_is_reported_once_and_removed_in_the_next_round(
    grower: Grower, caplog: pytest.LogCaptureFixture
) -> None:
    gone: list[str] = []
    poller = MemoryPoller(on_gone=gone.append)
    pid = grower.process.pid
    with HeldProcess(pid) as process, caplog.at_level(logging.WARNING):
        poller.watch("c", process)
        alive = poller.poll()
        grower.end()
        assert list(poller.poll().readings(alive)) == [("c", None, None)]
        assert (gone, poller.watched) == (["c"], ("c",))
        assert poller.rounds[-1].diff_bytes == -alive.total_bytes
        assert poller.poll().containers == ()
        assert (gone, poller.watched) == (["c"], ())
    assert [record.message for record in caplog.records] == [
        f"container 'c' is gone: reading /proc/{pid}/statm: [Errno 3] No such process",
        "removing the unhealthy container 'c' from the watch",
    ]


def test_a_callback_may_take_the_container_off_the_watch(grower: Grower) -> None:
    poller = MemoryPoller(on_gone=lambda name: poller.unwatch(name))
    with HeldProcess(grower.process.pid) as process:
        poller.watch("c", process)
        grower.end()
        poller.poll()
        assert poller.watched == ()


def test_the_lines_are_those_that_classify_reads(
    grower: Grower, caplog: pytest.LogCaptureFixture
) -> None:
    poller = MemoryPoller()
    with HeldProcess(grower.process.pid) as process, caplog.at_level(logging.DEBUG):
        poller.watch("c", process)
        poller.poll()
        grower.grow()
        poller.poll()
    steady, _, changed, total = [record.message for record in caplog.records]
    assert "container 'c' new: " in steady
    assert not any(pattern.search(steady.encode()) for pattern in MEMORY_CHANGES)
    match = MEMORY_CHANGES[0].search(changed.encode())
    assert match is not None
    assert int(match[1]) - int(match[2]) == 64
    assert changed.endswith("diff:64")
    assert total.startswith("1 containers: ")


async def test_it_runs_by_its_period_until_it_is_cancelled(grower: Grower) -> None:
    poller = MemoryPoller()
    three = asyncio.Event()
    seen: list[float] = []

    class Watching(HeldProcess):
        def rss_bytes(self) -> int:
            seen.append(asyncio.get_running_loop().time())
            if len(seen) == 3:
                three.set()
            return super().rss_bytes()

    with Watching(grower.process.pid) as process:
        poller.watch("c", process)
        running = asyncio.create_task(poller.run(period_seconds=0.05))
        async with asyncio.timeout(30):
            await three.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    # A round is never before its time, however busy the host: two periods lie between three.
    assert seen[2] - seen[0] > 0.05
    assert [done.number for done in poller.rounds] == [0, 1, 2]


def test_rounds_that_are_handed_on_are_not_kept() -> None:
    handed_on: list[tuple[int, int | None]] = []

    def take(done: Round, before: Round | None) -> None:
        handed_on.append((done.number, None if before is None else before.number))

    poller = MemoryPoller(on_round=take, keep=False)
    for _ in range(4):
        poller.poll()
    assert handed_on == [(0, None), (1, 0), (2, 1), (3, 2)]
    assert [done.number for done in poller.rounds] == [3]


@pytest.mark.daemon
@needs_memory
def test_a_round_counts_what_each_container_uses_and_lets_go_of_its_files() -> None:
    open_before = open_descriptors()
    poller = MemoryPoller(counters=True)
    with idle_processes(1) as (pid,), HeldProcess(pid) as process:
        poller.watch("c", process)
        poller.poll()
        assert open_descriptors() - open_before > {(process.pidfd, Path("anon_inode:[pidfd]"))}
        sample, whole = poller.samples("run")
    assert (sample.pids, sample.limit_hits) == (1, 0)
    assert sample.cpu_ms is not None
    assert sample.memory_bytes is not None
    assert sample.host_load is None
    assert whole.host_load is not None
    assert whole.host_steal_ms is not None
    assert whole.pids is None
    row = sample.as_row()
    assert "host_load" not in row
    assert Sample(**row) == sample
    frame = Observations(samples=[sample, whole]).frames()["samples"]
    assert str(frame["pids"].dtype) == "Int64"
    assert str(frame["cpu_ms"].dtype) == "float64"
    poller.close()
    assert open_descriptors() - open_before == frozenset()
