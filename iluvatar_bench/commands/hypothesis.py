"""``test-hypothesis``: what preceded a failure, and whether it still fails without it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iluvatar_bench.commands.interrupt import INTERRUPTED_STATUS, run_stoppable
from iluvatar_bench.commands.options import (
    AsJson,
    Concurrency,
    Function,
    ReadySeconds,
    Results,
    Seed,
)
from iluvatar_bench.commands.output import print_json, print_plain
from iluvatar_bench.commands.save_figures import save_figures

if TYPE_CHECKING:
    from iluvatar_bench.studies.hypothesis import HypothesisAnswer, Mined

_TOLD = 6
"""Predicates that are printed at most; all are in the JSON."""


def hypothesis_command(
    run: Annotated[str, typer.Argument(help="run folder, recorded name, or @latest")],
    bug_class: Annotated[
        str | None, typer.Option(help="the symptom; default: the one that came most often")
    ] = None,
    mine_only: Annotated[
        bool, typer.Option("--mine-only", help="name the hypotheses, and run nothing")
    ] = False,
    most: Annotated[int, typer.Option(help="hypotheses to test at most")] = 2,
    rounds: Annotated[
        int | None,
        typer.Option(help="blocks of each test; default: 8 of forced collections, else 16"),
    ] = None,
    repeats: Annotated[int, typer.Option(help="containers of each side in a block")] = 6,
    concurrency: Concurrency = 6,
    alpha: Annotated[float, typer.Option(help="accepted chance of any false answer")] = 0.05,
    function: Function = "hello",
    ready_seconds: ReadySeconds = 60.0,
    seed: Seed = 1,
    results: Results = Path("results"),
    as_json: AsJson = False,
) -> None:
    """Find what preceded a run's failures, then make it come and keep it away.

    Mined are calls, events, collections, delays and load, from times alone: no evidence is read.
    The best one that a factor or a forced collection can set is tested in shuffled blocks.
    """
    from iluvatar_bench.runs import find_run, open_run
    from iluvatar_bench.studies.hypothesis import mine, run_hypotheses

    mined = mine(open_run(find_run(run)), bug_class=bug_class, alpha=alpha)
    if not as_json:
        _show_mined(mined)
    if mine_only:
        if as_json:
            print_json({**mined.as_json(), "tested": []})
        return
    tested, stopped = run_stoppable(
        lambda stop: run_hypotheses(
            mined,
            seed=seed,
            results=results,
            rounds=rounds,
            repeats=repeats,
            concurrency=concurrency,
            most=most,
            function=function,
            ready_seconds=ready_seconds,
            on_tested=None if as_json else _show_answer,
            stop=stop,
        )
    )
    for one in tested:
        save_figures(one.comparison.run)
    if as_json:
        print_json({**mined.as_json(), "tested": [one.as_json() for one in tested]})
    if stopped:
        raise typer.Exit(INTERRUPTED_STATUS)


def _show_mined(mined: Mined) -> None:
    for one in mined.found[:_TOLD]:
        print_plain(f"{'*' if one in mined.shown else ' '} {one.sentence}")
    for text in mined.remarks:
        print_plain(f"note: {text}")
    for _, change in mined.hypotheses:
        print_plain(f"can be tested: {change.words}")
    sys.stdout.flush()


def _show_answer(answer: HypothesisAnswer) -> None:
    print_plain(answer.sentence)
    print_plain(f"kept in {answer.comparison.run.folder}")
