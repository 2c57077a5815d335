"""``false-alarms``: a profile against itself, many times."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iluvatar_bench.commands.interrupt import INTERRUPTED_STATUS, run_stoppable
from iluvatar_bench.commands.options import ReadySeconds, Results, Seed, Sets
from iluvatar_bench.commands.output import print_plain
from iluvatar_bench.errors import UnusablePath

if TYPE_CHECKING:
    from iluvatar_bench.studies.false_alarms import FalseAlarms


def false_alarms_command(
    profile: Annotated[str, typer.Option(help="a preset that fails, or a profile's file")] = (
        "iluvatar-2022-07"
    ),
    settings: Sets = None,
    comparisons: Annotated[int, typer.Option(help="how many")] = 40,
    rounds: Annotated[int, typer.Option(help="blocks of each")] = 6,
    repeats: Annotated[int, typer.Option(help="containers of each side in a block")] = 3,
    concurrency: Annotated[int, typer.Option(help="containers at a time")] = 6,
    alpha: Annotated[float, typer.Option(help="accepted chance of a false alarm")] = 0.05,
    seed: Seed = 1,
    ready_seconds: ReadySeconds = 60.0,
    table: Annotated[
        Path, typer.Option(help="a row a comparison, as CSV; written after each")
    ] = Path("false_alarms.csv"),
    results: Results = Path("results"),
) -> None:
    """Compare a profile with itself by `ab` and count how often anything is shown."""
    from iluvatar_bench.profiles import resolve_profile
    from iluvatar_bench.studies.ab import AbQuestion
    from iluvatar_bench.studies.false_alarms import measure_false_alarms

    chosen = resolve_profile(profile, settings or ())
    question = AbQuestion(rounds=rounds, repeats=repeats, concurrency=concurrency, alpha=alpha)

    def keep(found: FalseAlarms) -> None:
        try:
            found.table.to_csv(table, index=False)
        except OSError as error:
            raise UnusablePath(f"cannot write {table}: {error.strerror or error}") from error
        print_plain(f"{len(found.table)} of {comparisons}: {found.sentence}")

    _, stopped = run_stoppable(
        lambda stop: measure_false_alarms(
            chosen,
            comparisons=comparisons,
            seed=seed,
            results=results,
            question=question,
            ready_seconds=ready_seconds,
            on_comparison=keep,
            stop=stop,
        )
    )
    print_plain(f"kept in {table}")
    if stopped:
        raise typer.Exit(INTERRUPTED_STATUS)
