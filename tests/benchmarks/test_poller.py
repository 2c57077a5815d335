"""What a sample costs: each way is measured over the same processes, and nothing is left."""

from __future__ import annotations

from iluvatar_bench.benchmarks.poller import (
    COUNTED,
    POLLER,
    PSUTIL,
    idle_processes,
    measure_poller,
)
from iluvatar_bench.host.kernel import cgroups


def test_each_way_is_measured_over_the_same_processes() -> None:
    with idle_processes(3) as pids:
        frame = measure_poller(pids, rounds=20).set_index("what")
    assert len(frame) == 7
    assert (frame["processes"] == 3).all()
    assert (frame["rounds"] == 20).all()
    assert (frame["median_us"] > 0).all()
    assert {COUNTED, POLLER, PSUTIL} <= set(frame.index)
    left = [name for name in cgroups.children(cgroups.PARENT) if name.startswith("monitor-bench")]
    assert left == []
