"""What a process uses, by files that are held: its own cgroup's and network's, until they go."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from iluvatar_bench.benchmarks.poller import idle_processes, standing_processes, wake
from iluvatar_bench.host.kernel import cgroups
from iluvatar_bench.host.kernel.cgroup_usage import cgroup_mounts
from iluvatar_bench.host.kernel.counter_text import COUNTERS, Counted
from iluvatar_bench.host.kernel.held_counters import TURNS, HeldCounters
from iluvatar_bench.host.kernel.held_host import HeldHost
from tests.support.descriptors import open_descriptors
from tests.support.limits_here import MEMORY_COUNTED


def named(counted: Counted | None) -> dict[str, float | int | None]:
    assert counted is not None
    return dict(zip(COUNTERS, counted, strict=True))


def told_by(held: HeldCounters) -> dict[str, float]:
    """What a sample tells; what it leaves open is left out."""
    return {name: value for name, value in named(held.read()).items() if value is not None}


def after_all_turns(held: HeldCounters) -> dict[str, float]:
    """The last that was told of each counter, once every file has had its turn."""
    last: dict[str, float] = {}
    for _ in range(TURNS):
        last |= told_by(held)
    return last


def read_calls() -> int:
    """How often this thread has called read, pread and their like (proc(5), ``io``: syscr)."""
    told = dict(line.split(": ") for line in Path("/proc/thread-self/io").read_text().splitlines())
    return int(told["syscr"])


def reads_of(held: HeldCounters) -> int:
    """How many reads the next sample takes."""
    before = read_calls()
    of_the_question = read_calls() - before
    before = read_calls()
    held.read()
    return read_calls() - before - of_the_question


ASK = (
    "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"
    ".sendto(b'x', ('10.255.0.2', 9))"
)


def in_its_network(pid: int, *command: str) -> None:
    subprocess.run(["nsenter", "--target", str(pid), "--net", *command], check=True)


@pytest.mark.daemon
def test_a_process_in_its_own_cgroup_and_network_is_counted() -> None:
    open_before = open_descriptors()
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
        after = after_all_turns(held)
        # What one end of the pair sends the other receives.
        assert after["sent_bytes"] == after["received_bytes"] > 0
    assert held.read() is None
    held.close()
    held.close()
    assert open_descriptors() - open_before == frozenset()


TAKES = (
    "import sys, threading\n"
    "open('/proc/self/comm', 'w').write('taker')\n"
    "held = []\n"
    "for line in sys.stdin.buffer:\n"
    "    held.append(bytes(b'x' * (32 << 20)))\n"
    "    threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
)


@pytest.mark.daemon
def test_what_only_running_can_change_is_seen_once_it_has_run_and_no_old_value_is_told() -> None:
    with standing_processes(1, command=f'exec {sys.executable} -c "{TAKES}"', name="taker") as (
        process,
    ):
        assert process.stdin is not None
        held = HeldCounters(process.pid, cgroup_mounts())
        await_sleep(process.pid)
        known = set(told_by(held))
        quiet = after_all_turns(held)
        for round_ in range(1, 3):
            process.stdin.write(b"\n")
            process.stdin.flush()
            while psutil.Process(process.pid).num_threads() < 1 + round_:
                os.sched_yield()
            await_sleep(process.pid)
            samples = [told_by(held) for _ in range(TURNS)]
            # Every counter has its turn, and processor time and memory in each sample.
            assert known == set().union(*samples)
            assert all("cpu_ms" in told for told in samples)
            # The peak of before may have been above what was used then.
            before = quiet | {"memory_peak_bytes": 0}
            for name, least in (("cpu_ms", 0.001), ("memory_peak_bytes", 32 << 20), ("pids", 1)):
                for new in (told[name] for told in samples if name in told):
                    assert new - before[name] >= round_ * least, name
        held.close()


@pytest.mark.daemon
def test_a_sample_reads_what_has_its_turn_and_of_a_sleeper_less() -> None:
    with standing_processes(1) as standing:
        held = HeldCounters(standing[0].pid, cgroup_mounts())
        everything = held.descriptors
        assert reads_of(held) == everything
        each_time = len({"cpu_ms", "memory_bytes"} & set(told_by(held)))
        for _ in range(2):
            ran = []
            for _ in range(TURNS):
                wake(standing)
                ran.append(reads_of(held))
            assert sum(ran) == TURNS * each_time + everything - each_time
            # A bound for the dearest turn, too: three of the files belong together.
            assert max(ran) <= each_time + 3
        after_all_turns(held)
        asleep = sum(reads_of(held) for _ in range(TURNS))
        assert TURNS * each_time < asleep <= sum(ran)
        # What a sleeper saves are files of memory and of the number of processes.
        assert asleep < sum(ran) or not MEMORY_COUNTED
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
    told = after_all_turns(held)
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
