from __future__ import annotations

from iluvatar_bench.benchmarks.poller import POLLER, PSUTIL, idle_processes, measure_poller


def test_each_way_is_measured_over_the_same_processes() -> None:
    with idle_processes(5) as pids:
        frame = measure_poller(pids, rounds=20).set_index("what")
    assert len(frame) == 4
    assert (frame["processes"] == 5).all()
    assert (frame["rounds"] == 20).all()
    assert (frame["median_us"] > 0).all()
    assert {POLLER, PSUTIL} <= set(frame.index)
