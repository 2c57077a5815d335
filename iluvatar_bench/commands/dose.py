"""``dose``: the failure rate over a quantity, dose by dose."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from iluvatar_bench.commands.interrupt import INTERRUPTED_STATUS, run_stoppable
from iluvatar_bench.commands.options import Concurrency, Results, Seed
from iluvatar_bench.commands.output import print_plain, print_table
from iluvatar_bench.errors import UnusablePath


def dose_command(
    quantity: Annotated[str, typer.Argument(help="start_delay_ms, concurrency or pause_threshold")],
    doses: Annotated[list[float], typer.Argument(help="the doses")],
    profile: Annotated[str, typer.Option(help="all factors")] = "guarded",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FACTOR=LEVEL", help="default: snapshot_reference=none"),
    ] = None,
    trials: Annotated[int, typer.Option(help="containers a dose")] = 40,
    concurrency: Concurrency = 4,
    seed: Seed = 1,
    csv: Annotated[Path | None, typer.Option(help="write the table as CSV")] = None,
    results: Results = Path("results"),
) -> None:
    """How often the snapshot is collected, and what comes of it, at each dose of a quantity.

    One run a dose; each container is removed once it has answered.
    """
    from iluvatar_bench.host.writable import require_writable
    from iluvatar_bench.profiles import resolve_profile
    from iluvatar_bench.report import dose_table
    from iluvatar_bench.report.progress_bars import progress_bar
    from iluvatar_bench.studies.dose import run_doses

    require_writable(csv)
    chosen = resolve_profile(profile, settings or ["snapshot_reference=none"])
    total = trials * len(doses)
    with progress_bar(total, quiet=not sys.stderr.isatty(), stream=sys.stderr) as on_trial:
        found, stopped = run_stoppable(
            lambda stop: run_doses(
                chosen,
                quantity=quantity,
                doses=doses,
                trials=trials,
                seed=seed,
                results=results,
                concurrency=concurrency,
                on_trial=on_trial,
                stop=stop,
            )
        )
    print_table(dose_table(found.table))
    for run in found.runs:
        if run.caveat:
            print_plain(f"note: {run.label}: {run.caveat}")
    if csv is not None:
        try:
            found.table.to_csv(csv, index=False)
        except OSError as error:
            raise UnusablePath(f"cannot write {csv}: {error.strerror or error}") from error
    if stopped:
        raise typer.Exit(INTERRUPTED_STATUS)
