"""What a sample costs: each way is measured over the same processes, and nothing is left."""

from __future__ import annotations

import os

from iluvatar_bench.benchmarks.poller import (
    BARE,
    COUNTED,
    DUE,
    POLLER,
    PSUTIL,
    RAN,
    measure_poller,
    standing_processes,
    wake,
)
from iluvatar_bench.host.kernel import cgroups


def test_each_way_is_measured_over_the_same_processes() -> None:
    with standing_processes(3) as standing:
        assert f"monitor-benchmark-{os.getpid()}" in cgroups.children(cgroups.PARENT)
        pids = [process.pid for process in standing]
        frame = measure_poller(pids, rounds=20, wake=lambda: wake(standing)).set_index("what")
    assert len(frame) == 10
    assert (frame["processes"] == 3).all()
    assert (frame["rounds"] == 20).all()
    assert (frame["median_us"] > 0).all()
    assert {BARE, COUNTED, DUE, POLLER, PSUTIL, RAN} <= set(frame.index)
    # A round is more than the bare reads in it.
    assert frame.loc[DUE, "processor_us"] < frame.loc[RAN, "processor_us"]
    # Others measure at the same time, in cgroups of theirs.
    assert f"monitor-benchmark-{os.getpid()}" not in cgroups.children(cgroups.PARENT)
