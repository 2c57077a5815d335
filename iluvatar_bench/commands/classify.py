"""``classify``: the failures in logs, put into bug classes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from iluvatar_bench.commands.output import print_plain, print_table


def classify_command(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="logs, folders of logs, or - for standard input"),
    ],
    csv: Annotated[Path | None, typer.Option(help="write a row per failure as CSV")] = None,
    parquet: Annotated[Path | None, typer.Option(help="the same as Parquet")] = None,
    zone: Annotated[str, typer.Option(help="time zone of stamps that carry none")] = "UTC",
) -> None:
    """Put the failures in worker and containerd logs into bug classes."""
    from iluvatar_bench.worker_logs import scan
    from iluvatar_bench.worker_logs.class_table import class_table, remarks, save_failures

    report = scan(files, zone=zone)
    if len(report.failures):
        print_table(class_table(report))
    else:
        print_plain("no failure found")
    for remark in remarks(report):
        print_plain(remark)
    save_failures(report, csv=csv, parquet=parquet)
