"""What a process uses, by files that are held: its own cgroup's and network's, until they go."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from iluvatar_bench.benchmarks.poller import idle_processes
from iluvatar_bench.host.kernel.cgroup_usage import cgroup_mounts
from iluvatar_bench.host.kernel.held_counters import COUNTERS, Counted, HeldCounters
from iluvatar_bench.host.kernel.held_host import HeldHost
from tests.support.limits_here import MEMORY_COUNTED


def named(counted: Counted | None) -> dict[str, float | int | None]:
    assert counted is not None
    return dict(zip(COUNTERS, counted, strict=True))


ASK = (
    "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"
    ".sendto(b'x', ('10.255.0.2', 9))"
)


def in_its_network(pid: int, *command: str) -> None:
    subprocess.run(["nsenter", "--target", str(pid), "--net", *command], check=True)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.daemon
def test_a_process_in_its_own_cgroup_and_network_is_counted() -> None:
    open_before = open_files()
    with idle_processes(1) as (pid,):
        held = HeldCounters(pid, cgroup_mounts())
        before = named(held.read())
        if MEMORY_COUNTED:
            assert before["pids"] == 1
            memory, peak = before["memory_bytes"], before["memory_peak_bytes"]
            assert memory is not None
            assert peak is None or peak >= memory
            assert before["limit_hits"] == before["oom_kills"] == 0
        assert before["received_bytes"] == 0
        in_its_network(pid, "ip", "link", "set", "eth1", "up")
        in_its_network(pid, "ip", "link", "set", "eth0", "up")
        in_its_network(pid, "ip", "address", "add", "10.255.0.1/24", "dev", "eth0")
        # Nobody has that address: the question who does goes over the pair.
        in_its_network(pid, sys.executable, "-c", ASK)
        after = named(held.read())
        # What one end of the pair sends the other receives.
        sent = after["sent_bytes"]
        assert sent is not None
        assert sent == after["received_bytes"] > 0
    assert held.read() is None
    held.close()
    held.close()
    assert open_files() == open_before


def test_the_network_of_the_host_is_no_containers() -> None:
    held = HeldCounters(os.getpid(), cgroup_mounts())
    counted = named(held.read())
    held.close()
    assert counted["received_bytes"] is counted["sent_bytes"] is None


def test_of_a_process_that_is_gone_nothing_is_held() -> None:
    held = HeldCounters(2**22 + 1, cgroup_mounts())
    assert held.descriptors == 0


def test_the_host_says_its_load_and_what_was_stolen() -> None:
    host = HeldHost()
    before = psutil.cpu_times()
    moment = host.read()
    after = psutil.cpu_times()
    host.close()
    assert moment.load is not None
    assert moment.steal_ms is not None
    assert before.steal <= moment.steal_ms / 1000 <= after.steal
    there = {one for one in ("cpu", "memory", "io") if Path(f"/proc/pressure/{one}").exists()}
    told = {one for one in ("cpu", "memory", "io") if getattr(moment, f"{one}_pressure_ms")}
    assert told <= there
    assert host.read().steal_ms is None
