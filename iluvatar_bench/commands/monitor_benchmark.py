"""``monitor-benchmark``: what one sample of one container costs."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from iluvatar_bench.commands.options import AsJson
from iluvatar_bench.commands.output import print_json, print_plain, print_rows


def monitor_benchmark_command(
    processes: Annotated[int, typer.Option(min=1, max=400, help="how many are watched")] = 100,
    rounds: Annotated[int, typer.Option(min=2, max=10_000, help="how often each way")] = 300,
    as_json: AsJson = False,
) -> None:
    """Measure what one sample of one container costs the monitor, beside psutil: microseconds.

    Processes in cgroups and network namespaces of their own stand for containers: idle ones, and
    such that have run since the last sample.
    """
    from iluvatar_bench.benchmarks.poller import measure_poller, standing_processes, wake
    from iluvatar_bench.containerd.daemon.place import require_root

    require_root("cgroups and network namespaces")
    with standing_processes(processes) as standing:
        frame = measure_poller(
            [process.pid for process in standing], rounds=rounds, wake=lambda: wake(standing)
        )
    load = [round(value, 1) for value in os.getloadavg()]
    if as_json:
        ways = frame[["what", "median_us", "p99_us", "processor_us"]].to_dict("records")
        print_json({"load": load, "processes": processes, "rounds": rounds, "ways": ways})
        return
    print_rows(
        ("median, us", "99 %, us", "processor, us", "of a container and sample"),
        [
            (
                f"{row.median_us:.2f}",
                f"{row.p99_us:.2f}",
                f"{row.processor_us:.2f}",
                str(row.what),
            )
            for row in frame.itertuples(index=False)
        ],
    )
    print_plain(
        f"{processes} processes, {rounds} rounds; load {load[0]} on {os.cpu_count()} processors"
    )
