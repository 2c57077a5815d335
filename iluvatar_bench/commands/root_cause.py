"""``root-cause`` and ``blame``: which choice in the lifecycle causes a bug class."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iluvatar_bench.commands.interrupt import INTERRUPTED_STATUS, run_stoppable
from iluvatar_bench.commands.options import (
    Address,
    AsJson,
    Concurrency,
    Function,
    ReadySeconds,
    Results,
    Seed,
    Sets,
)
from iluvatar_bench.commands.output import print_json, print_plain, print_table
from iluvatar_bench.commands.save_figures import save_figures

if TYPE_CHECKING:
    from iluvatar_bench.studies.controlled_probes import Probe
    from iluvatar_bench.studies.root_cause import RootCause

Alpha = Annotated[float, typer.Option(help="accepted chance of any false verdict")]


def root_cause_command(
    factors: Annotated[
        list[str] | None,
        typer.Option(
            "--factors",
            metavar="FACTOR[=REFERENCE,SUSPECT]",
            help="once for each factor; default: snapshot_reference and cgroup",
        ),
    ] = None,
    profile: Annotated[str, typer.Option(help="all other factors")] = "iluvatar-2022-07",
    settings: Sets = None,
    seed: Seed = 1,
    concurrency: Concurrency = 8,
    half_width: Annotated[
        float, typer.Option(help="a cell stops when its rates are this precise")
    ] = 0.1,
    min_failures: Annotated[
        int, typer.Option(help="go on until each bug class of 2022 that comes has so many events")
    ] = 34,
    min_trials: Annotated[int, typer.Option(help="at least so many trials a cell")] = 40,
    max_trials: Annotated[int, typer.Option(help="at most so many trials a cell")] = 1200,
    alpha: Alpha = 0.05,
    function: Function = "hello",
    address: Address = None,
    ready_seconds: ReadySeconds = 60.0,
    as_json: AsJson = False,
    results: Results = Path("results"),
) -> None:
    """Run every combination of some factors side by side; say which factor causes which class.

    Trials of all combinations are shuffled in blocks on one containerd. A verdict needs the exact
    test stratified over blocks and the other factors, corrected by Holm, at alpha; "is caused by"
    that the reference level removes at least 90 % of the rate (one-sided bound at 95 %).
    """
    from iluvatar_bench.profiles import resolve_profile
    from iluvatar_bench.profiles.design import DEFAULT_FACTORS, design
    from iluvatar_bench.report.progress_bars import progress_bar
    from iluvatar_bench.studies.cell_allocation import Precision
    from iluvatar_bench.studies.root_cause import run_root_cause

    chosen = design(resolve_profile(profile, settings or ()), factors or DEFAULT_FACTORS)
    precision = Precision(
        half_width=half_width,
        min_failures=min_failures,
        min_trials=min_trials,
        max_trials=max_trials,
    )
    most = len(chosen.cells) * max_trials
    with progress_bar(most, quiet=not sys.stderr.isatty(), stream=sys.stderr) as on_trial:
        found, stopped = run_stoppable(
            lambda stop: run_root_cause(
                chosen,
                seed=seed,
                results=results,
                concurrency=concurrency,
                precision=precision,
                function=function,
                alpha=alpha,
                address=address,
                ready_seconds=ready_seconds,
                on_trial=on_trial,
                stop=stop,
            )
        )
    save_figures(found.run)
    _show(found, as_json)
    if stopped:
        raise typer.Exit(INTERRUPTED_STATUS)


def _show(found: RootCause, as_json: bool) -> None:
    from iluvatar_bench.report import comparison_table, effect_table

    if as_json:
        print_json(found.as_json())
        return
    print_table(comparison_table(found.cells))
    print_plain("")
    if len(found.effects):
        print_table(effect_table(found.effects))
        print_plain("")
    for verdict in found.verdicts:
        print_plain(verdict.sentence)
    print_plain(f"note: {found.reading}")
    if found.caveat:
        print_plain(f"note: {found.caveat}")
    print_plain(f"kept in {found.run.folder}")


def blame_command(
    failing: Annotated[str, typer.Argument(help="a preset that shows the class")],
    clean: Annotated[str, typer.Argument(help="a preset that does not")],
    bug_class: Annotated[str, typer.Option(help="the class to explain")] = "missing_packages",
    failing_settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FACTOR=LEVEL", help="change the failing side"),
    ] = None,
    clean_settings: Annotated[
        list[str] | None,
        typer.Option("--set-clean", metavar="FACTOR=LEVEL", help="change the clean side"),
    ] = None,
    seed: Seed = 1,
    concurrency: Concurrency = 6,
    largest: Annotated[int, typer.Option(help="sets of up to so many factors are searched")] = 2,
    pilot_trials: Annotated[
        int, typer.Option(help="trials in which the class must come three times")
    ] = 80,
    alpha: Alpha = 0.05,
    function: Function = "hello",
    address: Address = None,
    ready_seconds: ReadySeconds = 60.0,
    as_json: AsJson = False,
    results: Results = Path("results"),
) -> None:
    """Of the factors in which two profiles differ, find every small set that removes a class.

    Mixed profiles run in shuffled blocks beside the failing one, each until a sequential test with
    known errors says gone or still there. What was not searched is said.
    """
    from iluvatar_bench.profiles import resolve_profile
    from iluvatar_bench.studies.blame import run_blame

    sides = (
        resolve_profile(failing, failing_settings or ()),
        resolve_profile(clean, clean_settings or ()),
    )
    found, stopped = run_stoppable(
        lambda stop: run_blame(
            *sides,
            bug_class=bug_class,
            seed=seed,
            results=results,
            largest=largest,
            alpha=alpha,
            pilot_trials=pilot_trials,
            concurrency=concurrency,
            function=function,
            address=address,
            ready_seconds=ready_seconds,
            on_probe=None if as_json else _show_probe,
            stop=stop,
        )
    )
    save_figures(found.run)
    if as_json:
        print_json(found.as_json())
    else:
        print_plain(found.sentence)
        for note in found.notes:
            print_plain(note)
        print_plain(f"kept in {found.run.folder}")
    if stopped:
        raise typer.Exit(INTERRUPTED_STATUS)


def _show_probe(probe: Probe) -> None:
    answers = {"low": "gone", "high": "still there", "exhausted": "no answer"}
    answer = "masked by other failures" if probe.masked else answers[str(probe.decision)]
    print_plain(f"changed {', '.join(probe.changed)}: {probe.counts}: {answer}")
