"""``log-benchmark``: is the reader of logs exact, and how fast is it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from iluvatar_bench.commands.output import print_table


def log_benchmark_command(
    size_mb: Annotated[int, typer.Option(help="size of each generated log")] = 1000,
    failures: Annotated[int, typer.Option(help="known failures in each")] = 3000,
    formats: Annotated[list[str] | None, typer.Option("--format", help="default: all")] = None,
    folder: Annotated[Path | None, typer.Option(help="where the logs are generated")] = None,
) -> None:
    """Read generated logs with known failures: exact counts, speed beside grep -cE, memory."""
    from iluvatar_bench.benchmarks.generated_logs import FORMATS
    from iluvatar_bench.benchmarks.logs import run_benchmark

    table = run_benchmark(
        size_mb=size_mb, failures=failures, formats=formats or FORMATS, folder=folder
    )
    print_table(table.set_index("format").round(2))
    if not table["exact"].all():
        raise typer.Exit(1)
