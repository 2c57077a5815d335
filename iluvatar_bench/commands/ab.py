"""``ab``: two profiles in shuffled blocks, for people and for a gate in continuous integration."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iluvatar_bench.commands.interrupt import INTERRUPTED_STATUS, run_stoppable
from iluvatar_bench.commands.options import (
    WORSE,
    Address,
    AsJson,
    Function,
    ReadySeconds,
    Results,
    Seed,
)
from iluvatar_bench.commands.output import print_json, print_plain, print_table
from iluvatar_bench.commands.save_figures import save_figures
from iluvatar_bench.errors import UsageError

if TYPE_CHECKING:
    from iluvatar_bench.stats import BlockComparison
    from iluvatar_bench.studies import AbResult

Side = Annotated[str, typer.Argument(help="a preset, or a profile's file")]


def ab_command(
    baseline: Side,
    candidate: Side,
    baseline_settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FACTOR=LEVEL", help="change the baseline"),
    ] = None,
    candidate_settings: Annotated[
        list[str] | None,
        typer.Option("--set-candidate", metavar="FACTOR=LEVEL", help="change the candidate"),
    ] = None,
    rounds: Annotated[int, typer.Option(help="blocks, at most")] = 20,
    repeats: Annotated[int, typer.Option(help="containers of each side in a block")] = 6,
    concurrency: Annotated[int, typer.Option(help="containers at a time")] = 6,
    unit: Annotated[
        str,
        typer.Option(help="block: both on one containerd; daemon: each side of a block on its own"),
    ] = "block",
    bug_class: Annotated[
        str | None, typer.Option(help="judge this class; default: all that was not ok")
    ] = None,
    stop_when_sure: Annotated[
        bool,
        typer.Option("--stop-when-sure", help="look after each block; end as soon as it is sure"),
    ] = False,
    fail_if_worse: Annotated[
        bool, typer.Option("--fail-if-worse", help=f"exit {WORSE} if the candidate is worse")
    ] = False,
    fail_unless_better: Annotated[
        float | None,
        typer.Option(
            metavar="BY", help=f"exit {WORSE} unless its rate is lower by more than this, 0 to 1"
        ),
    ] = None,
    alpha: Annotated[float, typer.Option(help="accepted chance of any false alarm")] = 0.05,
    seed: Seed = 1,
    function: Function = "hello",
    address: Address = None,
    ready_seconds: ReadySeconds = 60.0,
    results: Results = Path("results"),
    as_json: AsJson = False,
) -> None:
    """Compare two profiles in shuffled blocks, the block being the unit: the gate for CI.

    Without --stop-when-sure all rounds are run and the exact permutation test over blocks decides;
    with it evidence that holds at every look.
    """
    from iluvatar_bench.profiles import resolve_profile
    from iluvatar_bench.report.progress_bars import progress_bar
    from iluvatar_bench.stats import NOT_OK, Verdict
    from iluvatar_bench.studies import AbQuestion, run_ab

    if unit not in ("block", "daemon"):
        raise UsageError(f"no unit {unit!r}; there are: block, daemon")
    question = AbQuestion(
        rounds=rounds,
        repeats=repeats,
        concurrency=concurrency,
        unit="daemon" if unit == "daemon" else "block",
        endpoint=NOT_OK if bug_class is None else bug_class,
        alpha=alpha,
        stop_when_sure=stop_when_sure,
        better_by=fail_unless_better,
    )
    pair = (
        resolve_profile(baseline, baseline_settings or ()),
        resolve_profile(candidate, candidate_settings or ()),
    )
    quiet = not sys.stderr.isatty()
    with progress_bar(2 * rounds * repeats, quiet=quiet, stream=sys.stderr) as on_trial:
        found, stopped = run_stoppable(
            lambda stop: run_ab(
                *pair,
                question=question,
                seed=seed,
                results=results,
                function=function,
                address=address,
                ready_seconds=ready_seconds,
                on_trial=on_trial,
                on_round=None if as_json or not quiet else _show_round,
                stop=stop,
            )
        )
    save_figures(found.run)
    show_ab(found, as_json)
    if stopped:
        raise typer.Exit(INTERRUPTED_STATUS)
    is_worse = fail_if_worse and found.compared.verdict is Verdict.WORSE
    if is_worse or found.is_better_by is False:
        raise typer.Exit(WORSE)


def show_ab(found: AbResult, as_json: bool) -> None:
    """Print the classes, the notes and the verdict."""
    from iluvatar_bench.report import difference_table

    if as_json:
        print_json(found.as_json())
        return
    print_table(difference_table(found.classes, names=found.names))
    for note in found.notes:
        print_plain(note if note.startswith(("power", "noise")) else f"note: {note}")
    print_plain(f"verdict: {found.sentence}")
    if found.is_better_by is not None:
        shown = "shown" if found.is_better_by else "not shown"
        print_plain(f"better by more than {100 * (found.better_by or 0):g} points: {shown}")
    print_plain(f"kept in {found.run.folder}")


def _show_round(found: BlockComparison) -> None:
    print_plain(
        f"round {found.blocks}: {found.baseline_count} against {found.candidate_count} of "
        f"{found.blocks * found.repeats}; evidence: worse {found.worse:.3g}, "
        f"better {found.better:.3g}, needed {2 / found.alpha:g}"
    )
