"""``start-benchmark``: how long people wait for an answer, and for a run's first container."""

from __future__ import annotations

import math
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from iluvatar_bench.commands.options import AsJson
from iluvatar_bench.commands.output import print_json, print_plain, print_rows

if TYPE_CHECKING:
    from iluvatar_bench.benchmarks.start_times import Wait


def start_benchmark_command(
    repeats: Annotated[int, typer.Option(min=1, max=100, help="how often each is done")] = 5,
    answers_only: Annotated[
        bool, typer.Option("--answers-only", help="help and wrong requests; starts nothing")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure how long help, wrong requests and a run's first container take: medians.

    The processor time of a run's containers and of its containerd is in its last row.
    """
    from iluvatar_bench.benchmarks.start_times import answer_times, first_container_times

    waits = list(answer_times(repeats=repeats))
    runs = [] if answers_only else first_container_times(repeats=repeats)
    load = [round(value, 1) for value in os.getloadavg()]
    if as_json:
        rows = [{**asdict(w), "cpu_seconds": _known(w.cpu_seconds)} for w in (*waits, *runs)]
        print_json({"load": load, "processors": os.cpu_count(), "waits": rows})
        return
    print_rows(("s", "processor s", "of"), [_row(wait) for wait in (*waits, *runs)])
    print_plain(f"medians of {repeats}; load {load[0]} on {os.cpu_count()} processors")


def _row(wait: Wait) -> tuple[str, str, str]:
    cpu = _known(wait.cpu_seconds)
    return f"{wait.seconds:.2f}", "" if cpu is None else f"{cpu:.2f}", wait.what


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
