"""``creation-benchmark``: how many containers are best made at a time on this host."""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
from collections import defaultdict
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from iluvatar_bench.commands.options import AsJson
from iluvatar_bench.commands.output import print_json, print_plain, print_rows

if TYPE_CHECKING:
    from iluvatar_bench.benchmarks.creation_rates import CreationRate

_LIMITS = (1, 2, 3, 4, 6, 8, 10, 12, 16, 24, 32)


def creation_benchmark_command(
    limit: Annotated[
        list[int] | None, typer.Option(help="so many at a time; default: eleven from 1 to 32")
    ] = None,
    containers: Annotated[int, typer.Option(help="made in each round at each limit")] = 48,
    rounds: Annotated[int, typer.Option(help="of all limits, shuffled")] = 6,
    seed: Annotated[int, typer.Option(help="of the order, and of the interval's draws")] = 1,
    as_json: AsJson = False,
) -> None:
    """Measure how fast containers are made with so many being made at a time, and where that ends.

    The knee is the smallest limit that makes at least 95 % as many a second as the best one.
    """
    from iluvatar_bench.benchmarks.creation_rates import creation_rates
    from iluvatar_bench.stats import knee

    def told(one: CreationRate) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"round {one.round + 1}: {one.limit} at a time, {one.rate:.1f}/s\n")

    measured = asyncio.run(
        creation_rates(
            limit or _LIMITS, containers=containers, rounds=rounds, seed=seed, on_round=told
        )
    )
    rates: dict[int, list[float]] = defaultdict(list)
    waits: dict[int, list[float]] = defaultdict(list)
    for one in measured:
        rates[one.limit].append(one.rate)
        waits[one.limit].append(one.create_ms)
    found = knee(rates, seed=seed)
    load = [round(value, 1) for value in os.getloadavg()]
    if as_json:
        rows = [asdict(one) for one in measured]
        print_json({"load": load, "processors": os.cpu_count(), "knee": asdict(found), "of": rows})
        return
    print_rows(
        ("a second", "ms each", "at a time"),
        [
            (
                f"{statistics.fmean(rates[one]):.1f}",
                f"{statistics.median(waits[one]):.0f}",
                str(one),
            )
            for one in sorted(rates)
        ],
    )
    print_plain(
        f"knee: {found.setting} at a time [{found.low}, {found.high}]; {rounds} rounds of "
        f"{containers}, load {load[0]} on {os.cpu_count()} processors"
    )
