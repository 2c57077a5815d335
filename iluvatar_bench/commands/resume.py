"""``run --resume``: goes on with a run that was cut off."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from iluvatar_bench.commands.interrupt import INTERRUPTED_STATUS, run_stoppable
from iluvatar_bench.commands.options import AsJson
from iluvatar_bench.commands.output import print_json, print_plain, print_table
from iluvatar_bench.commands.save_figures import save_figures
from iluvatar_bench.commands.steady import steady_told
from iluvatar_bench.errors import UsageError

if TYPE_CHECKING:
    from iluvatar_bench.records.run_result import RunResult


def run_options(
    context: typer.Context,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume",
            metavar="RUN",
            help="go on with a run that was cut off or stopped: what is left of its plan, in the "
            "same folder, with its own settings",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """One workload under one profile: one run folder."""
    workload = context.invoked_subcommand
    if resume is None:
        if workload is None or as_json:
            raise UsageError("name a workload (run --help), or a run to go on with: --resume RUN")
        return
    if workload is not None:
        raise UsageError(
            f"--resume goes on with the run as it was asked for: leave {workload} away"
        )
    _resume(resume, as_json)


def _resume(name: str, as_json: bool) -> None:
    from iluvatar_bench.runs import find_run

    path = find_run(name)
    from iluvatar_bench.report.progress_bars import arrivals_bar, progress_bar
    from iluvatar_bench.runs import open_run, resume_run

    before = open_run(path)
    quiet = not sys.stderr.isatty()
    with ExitStack() as stack:
        if before.arrivals is None:
            left = max(before.planned - len(before.table), 0)
            on_trial = stack.enter_context(progress_bar(left, quiet=quiet, stream=sys.stderr))
            on_arrival = None
        else:
            left = max(before.planned - len(before.arrivals), 0)
            bar = stack.enter_context(arrivals_bar(left, quiet=quiet, stream=sys.stderr))
            on_trial, on_arrival = bar.trial, bar.arrival
        result, stopped = run_stoppable(
            lambda stop: resume_run(path, on_trial=on_trial, on_arrival=on_arrival, stop=stop)
        )
    end_run(result, stopped=stopped, as_json=as_json)


def end_run(
    result: RunResult, *, stopped: bool, as_json: bool, warm_up_seconds: float | None = None
) -> None:
    """Save a run's figures; print its table, or its document for scripts.

    ``warm_up_seconds`` are left out of the test for a steady state (None: what MSER-5 says).

    Raises:
        typer.Exit: it was stopped, with the status that says so.
    """
    from iluvatar_bench.report import comparison_table
    from iluvatar_bench.runs.attempts import beside_told

    save_figures(result)
    if as_json:
        print_json(result.as_json())
    else:
        print_table(comparison_table(result.rates))
        print_plain(str(result))
        if result.arrivals is not None:
            for line in steady_told(result.arrivals, warm_up_seconds=warm_up_seconds):
                print_plain(line)
        for line in beside_told(result.seen):
            print_plain(line)
    if stopped:
        raise typer.Exit(INTERRUPTED_STATUS)
