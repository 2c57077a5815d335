"""What a cgroup has used, from files as the kernel writes them, and from the kernel's own."""

from __future__ import annotations

from pathlib import Path

from iluvatar_bench.host.kernel.cgroup_usage import (
    CgroupPlaces,
    CgroupUsage,
    cgroup_mounts,
    cgroup_places,
    counting_files,
    read_usage,
)

VERSION_2 = {
    "cpu.stat": "usage_usec 2500\nuser_usec 2000\nnr_throttled 3\nthrottled_usec 7000\n",
    "memory.current": "4096\n",
    "memory.peak": "8192\n",
    "memory.events": "low 0\nhigh 0\nmax 4\noom 1\noom_kill 2\n",
    "pids.current": "7\n",
    "io.stat": "8:0 rbytes=10 wbytes=20 rios=1\n8:16 rbytes=5 wbytes=1 rios=1\n",
    "cpu.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500\nfull avg10=0.00 total=9\n",
}
VERSION_1 = {
    "cpuacct.usage": "2500000\n",
    "cpu.stat": "nr_periods 9\nnr_throttled 3\nthrottled_time 7000000\n",
    "memory.usage_in_bytes": "4096\n",
    "memory.max_usage_in_bytes": "8192\n",
    "memory.failcnt": "4\n",
    "pids.current": "7\n",
    "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    "blkio.throttle.io_service_bytes": "8:0 Read 15\n8:0 Write 21\n8:0 Total 36\nTotal 36\n",
}
USED = CgroupUsage(
    cpu_ms=2.5,
    throttled_ms=7.0,
    throttled_periods=3,
    memory_bytes=4096,
    memory_peak_bytes=8192,
    limit_hits=4,
    oom_kills=2,
    pids=7,
    io_read_bytes=15,
    io_written_bytes=21,
)


def written(folder: Path, files: dict[str, str]) -> CgroupPlaces:
    for name, text in files.items():
        (folder / name).write_text(text)
    return CgroupPlaces("/x", counting_files([str(folder)]))


def test_both_versions_say_the_same(tmp_path: Path) -> None:
    one, two = tmp_path / "1", tmp_path / "2"
    one.mkdir()
    two.mkdir()
    assert read_usage(written(one, VERSION_1)) == USED
    used = read_usage(written(two, VERSION_2))
    assert used is not None
    assert used.cpu_pressure_ms == 1.5
    assert {**used.as_dict(), "cpu_pressure_ms": None} == {
        **USED.as_dict(),
        "cpu_pressure_ms": None,
    }


def test_a_cgroup_that_is_gone_has_used_nothing_that_is_known(tmp_path: Path) -> None:
    assert read_usage(CgroupPlaces("/gone", (str(tmp_path / "memory.current"),))) is None


def test_a_process_that_is_gone_is_nowhere() -> None:
    assert cgroup_places(2**22 + 1, cgroup_mounts()) is None
