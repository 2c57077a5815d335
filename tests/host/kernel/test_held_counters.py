"""What a process uses, by files that are held: its own cgroup's and network's, until they go."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from iluvatar_bench.benchmarks.poller import idle_processes, standing_processes
from iluvatar_bench.host.kernel import cgroups
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


TAKES = (
    "import sys, threading\n"
    "open('/proc/self/comm', 'w').write('taker')\n"
    "held = []\n"
    "for line in sys.stdin.buffer:\n"
    "    held.append(bytes(b'x' * (32 << 20)))\n"
    "    threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
)


@pytest.mark.daemon
def test_what_only_running_can_change_is_seen_once_it_has_run() -> None:
    with standing_processes(1, command=f'exec {sys.executable} -c "{TAKES}"', name="taker") as (
        process,
    ):
        assert process.stdin is not None
        held = HeldCounters(process.pid, cgroup_mounts())
        await_sleep(process.pid)
        before = [named(held.read()) for _ in range(6)]
        # It sleeps: the readings are the same, whichever files were read for them.
        assert before[-1] == before[-2] == before[-3]
        for round_ in range(1, 3):
            process.stdin.write(b"\n")
            process.stdin.flush()
            while psutil.Process(process.pid).num_threads() < 1 + round_:
                os.sched_yield()
            await_sleep(process.pid)
            after = named(held.read())
            for name, least in (("cpu_ms", 0.001), ("memory_peak_bytes", 32 << 20), ("pids", 1)):
                new, old = after[name], before[-1][name]
                if old is not None:
                    assert new is not None
                    assert new - old >= round_ * least, name
        held.close()


def await_sleep(pid: int) -> None:
    while psutil.Process(pid).status() != psutil.STATUS_SLEEPING:
        os.sched_yield()


@pytest.mark.daemon
def test_an_empty_file_counts_nothing_and_one_that_outgrows_its_room_everything(
    tmp_path: Path,
) -> None:
    """As ``io.stat`` of version 2 is: empty before the first access, then a line a device."""
    with idle_processes(1) as (pid,):
        home = f"{cgroups.PARENT}/monitor-benchmark-{os.getpid()}/0"
        path = tmp_path / home.lstrip("/") / "io.stat"
        path.parent.mkdir(parents=True)
        path.write_text("")
        held = HeldCounters(pid, dict.fromkeys(cgroup_mounts(), tmp_path))
    assert named(held.read())["io_read_bytes"] == 0
    line = "8:{} rbytes=1000 wbytes=7 rios=1 wios=1 dbytes=0 dios=0\n"
    path.write_text("".join(map(line.format, range(40))))
    told = named(held.read())
    assert (told["io_read_bytes"], told["io_written_bytes"]) == (40_000, 280)
    held.close()


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
