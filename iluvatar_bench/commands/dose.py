"""``dose``: the failure rate over a quantity, dose by dose."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand

from iluvatar_bench.commands.interrupt import INTERRUPTED_STATUS, run_stoppable
from iluvatar_bench.commands.options import Concurrency, ReadySeconds, Results, Seed
from iluvatar_bench.commands.output import print_plain, print_table
from iluvatar_bench.commands.save_figures import save_dose_figure
from iluvatar_bench.errors import UnusablePath

if TYPE_CHECKING:
    import pandas as pd

_NEGATIVE = re.compile(r"-[0-9.][0-9.eE+-]*")


class NegativeNumbers(TyperCommand):
    """Takes ``-5`` for a number, not for an option."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """As ever, with the numbers last, where nothing can be an option any more."""
        if "--" in args:
            return super().parse_args(ctx, args)
        options = {name for param in self.params for name in param.opts if name.startswith("-")}
        numbers: list[str] = []
        others: list[str] = []
        for before, word in zip(["", *args], args, strict=False):
            is_number = bool(_NEGATIVE.fullmatch(word)) and before not in options
            (numbers if is_number else others).append(word)
        return super().parse_args(ctx, [*others, "--", *numbers] if numbers else args)


def dose_command(
    quantity: Annotated[
        str,
        typer.Argument(help="start_delay_ms, creation_limit, concurrency or pause_threshold"),
    ],
    doses: Annotated[list[float], typer.Argument(help="the doses")],
    profile: Annotated[str, typer.Option(help="all factors")] = "guarded",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FACTOR=LEVEL", help="default: snapshot_reference=none"),
    ] = None,
    trials: Annotated[int, typer.Option(help="containers a dose")] = 40,
    concurrency: Concurrency = 4,
    seed: Seed = 1,
    ready_seconds: ReadySeconds = 60.0,
    csv: Annotated[Path | None, typer.Option(help="write the table as CSV")] = None,
    results: Results = Path("results"),
) -> None:
    """How often the snapshot is collected, and what comes of it, at each dose of a quantity.

    One run a dose; each container is removed once it has answered.
    """
    from iluvatar_bench.host.writable import require_writable
    from iluvatar_bench.profiles import resolve_profile
    from iluvatar_bench.profiles.doses import dose_settings

    require_writable(csv)
    chosen = resolve_profile(profile, settings or ["snapshot_reference=none"])
    # Before anything heavy is loaded: a wrong dose is answered at once.
    dose_settings(chosen, quantity=quantity, doses=doses, concurrency=concurrency)
    from iluvatar_bench.report import dose_export, dose_table
    from iluvatar_bench.report.progress_bars import progress_bar
    from iluvatar_bench.studies.dose import run_doses

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
                ready_seconds=ready_seconds,
                on_trial=on_trial,
                stop=stop,
            )
        )
    table = dose_export(found.table)
    _write(table, found.folder / f"dose-{quantity}.csv")
    save_dose_figure(found)
    print_table(dose_table(found.table))
    for run in found.runs:
        if run.caveat:
            print_plain(f"note: {run.label}: {run.caveat}")
    print_plain(f"kept in {found.folder}")
    if csv is not None:
        _write(table, csv)
    if stopped:
        raise typer.Exit(INTERRUPTED_STATUS)


def _write(table: pd.DataFrame, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(path, index=False)
    except OSError as error:
        raise UnusablePath(f"cannot write {path}: {error.strerror or error}") from error
