"""``record-benchmark``: what a trial costs to keep, by how many there are."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from iluvatar_bench.commands.options import AsJson
from iluvatar_bench.commands.output import print_json, print_plain, print_rows
from iluvatar_bench.errors import UsageError

MOST = 10_000_000


def record_benchmark_command(
    trials: Annotated[
        list[int] | None,
        typer.Option(help="how many; may repeat; default: 1000 and 10000"),
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option("--in", help="folder for the runs, which are removed; default: /tmp"),
    ] = None,
    copies: Annotated[
        int,
        typer.Option(help="open also a run of so many copies of each, as if it had been recorded"),
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Measure what trials cost to keep: time, bytes and memory, by how many there are.

    No container is started. A million takes some 9 GB of disk and a quarter of an hour. A process
    of its own opens each run, and another one makes its report. What a
    failure looks up in our own logs, and a pool's decision with so many waiting, stand beside.
    """
    counts = trials or [1000, 10_000]
    if not all(1 <= count <= MOST for count in counts):
        raise UsageError(f"trials must be between 1 and {MOST}")
    if not 0 <= copies * max(counts) <= MOST:
        raise UsageError(f"copies are of no more than {MOST} trials together")
    if home is not None and not home.is_dir():
        raise UsageError(f"{home} is no folder")
    from iluvatar_bench.benchmarks.record_cost import look_up_costs, record_costs

    look_ups = list(look_up_costs(counts))
    costs = list(record_costs(counts, home=home, report=run_page_bytes, copies=copies))
    load = [round(value, 1) for value in os.getloadavg()]
    if as_json:
        rows = [{**asdict(a), **asdict(b)} for a, b in zip(costs, look_ups, strict=True)]
        print_json({"load": load, "processors": os.cpu_count(), "costs": rows})
        return
    header = (
        "trials",
        "journal, us",
        "tables, us",
        "journal, B",
        "tables, B",
        "peak, MB",
        "open, s",
        "open peak, MB",
        "report, s",
        "report, MB",
        "report peak, MB",
        "failure, us",
        "decision, us",
    )
    print_rows(
        header,
        [
            (
                f"{cost.trials:,}",
                f"{cost.journal_us:.0f}",
                f"{cost.tables_us:.0f}",
                f"{cost.journal_bytes:.0f}",
                f"{cost.table_bytes:.0f}",
                f"{cost.peak_bytes / 1e6:.0f}",
                f"{cost.open_seconds:.1f}",
                f"{cost.open_peak_bytes / 1e6:.0f}",
                f"{cost.report_seconds or 0:.1f}",
                f"{(cost.report_bytes or 0) / 1e6:.2f}",
                f"{(cost.report_peak_bytes or 0) / 1e6:.0f}",
                f"{look_up.failure_us:.0f}",
                f"{look_up.decision_us:.1f}",
            )
            for cost, look_up in zip(costs, look_ups, strict=True)
        ],
    )
    for cost in costs:
        if cost.copied_trials:
            print_plain(
                f"{cost.copied_trials:,} trials, made of copies: opened in "
                f"{cost.copied_open_seconds or 0:.1f} s, most memory "
                f"{(cost.copied_open_peak_bytes or 0) / 1e6:.0f} MB"
            )
    print_plain(f"us and B: of a trial; load {load[0]} on {os.cpu_count()} processors")


def run_page_bytes(folder: Path) -> int:
    """Make the report of a run; gives its bytes."""
    from iluvatar_bench.report import report_page
    from iluvatar_bench.runs import open_run

    return len(report_page([open_run(folder)]).encode())
