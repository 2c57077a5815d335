"""What the kernel counts of processes that run, and of those that would and may not."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from iluvatar_bench.host.kernel import cgroups, processes
from iluvatar_bench.host.kernel.controllers import give_controllers, usable_controllers
from tests.support.waiting import wait_for

pytestmark = pytest.mark.daemon


@pytest.fixture
def limited() -> Iterator[str]:
    """A cgroup that may run for 2 ms of 100."""
    path = f"{cgroups.PARENT}/test-{secrets.token_hex(4)}"
    cgroups.make(path)
    give_controllers(path)
    for directory in cgroups._directories(path):
        for setting, level in (("cpu.cfs_quota_us", "2000"), ("cpu.max", "2000 100000")):
            if (directory / setting).exists():
                (directory / setting).write_text(level)
    yield path
    cgroups.remove_tree(path)
    cgroups.remove_if_empty(cgroups.PARENT)


@pytest.fixture
def turning() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"])
    yield process
    process.kill()
    process.wait()


@pytest.mark.skipif("cpu" not in usable_controllers(), reason="no cgroup has the controller cpu")
def test_who_is_kept_from_running_by_a_limit_waits_while_its_cgroup_is_throttled(
    limited: str, turning: subprocess.Popen[bytes]
) -> None:
    assert cgroups.throttled_seconds(limited) == 0
    cgroups.move(turning.pid, limited)
    # Read in it: outside it may run, or wait for others, for as long as we stand still.
    before = processes.processor_time(turning.pid)
    assert before is not None

    def long_throttled() -> float | None:
        throttled = cgroups.throttled_seconds(limited)
        assert throttled is not None
        return throttled if throttled > 0.5 else None

    throttled = wait_for(long_throttled, seconds=60)

    def waited_as_long() -> processes.ProcessorTime | None:
        """Its waiting is counted once it runs again: a moment after its cgroup's."""
        now = processes.processor_time(turning.pid)
        assert now is not None
        return now if now.waited - before.waited >= 0.9 * throttled else None

    now = wait_for(waited_as_long, seconds=60)
    assert now.ran - before.ran < 0.2 * (now.waited - before.waited)


def test_what_the_scheduler_counts_of_us_is_what_our_clock_says() -> None:
    counted, own = processes.processor_time(os.getpid()), time.process_time()
    assert counted is not None
    # Of the first thread alone; the clock is of all.
    assert 0 < counted.ran <= own + 0.05
    assert processes.processor_time(1 << 22) is None
    assert cgroups.throttled_seconds(f"{cgroups.PARENT}/never-made") is None
