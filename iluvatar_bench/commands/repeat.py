"""``repeat``: a run made again from its folder alone, here or on another host."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from iluvatar_bench.commands.interrupt import run_stoppable
from iluvatar_bench.commands.options import Address, AsJson, Results
from iluvatar_bench.commands.output import err
from iluvatar_bench.commands.resume import end_run


def repeat_command(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="a run's folder or name, @latest, @2; see runs")
    ],
    address: Address = None,
    results: Results = Path("results"),
    as_json: AsJson = False,
) -> None:
    """Run a run's plan again: its profile, its functions' source, its seed and settings.

    What it needs stands in its folder. Whatever is missing here is said, and nothing is started.
    """
    from iluvatar_bench.runs import find_run

    folder = find_run(run)
    from iluvatar_bench.plans import ColdStartPlan
    from iluvatar_bench.report.progress_bars import arrivals_bar, progress_bar
    from iluvatar_bench.runs import plan_repeat, repeat_run

    repeat = plan_repeat(folder, address=address)
    for remark in repeat.remarks:
        err.print(f"note: {remark}", soft_wrap=True, markup=False)
    quiet = not sys.stderr.isatty()
    with ExitStack() as stack:
        on_arrival = None
        if isinstance(repeat.plan, ColdStartPlan):
            total = len(repeat.plan.trials)
            on_trial = stack.enter_context(progress_bar(total, quiet=quiet, stream=sys.stderr))
        else:
            total = len(repeat.plan.arrivals)
            bar = stack.enter_context(arrivals_bar(total, quiet=quiet, stream=sys.stderr))
            on_trial, on_arrival = bar.trial, bar.arrival
        result, stopped = run_stoppable(
            lambda stop: repeat_run(
                repeat, results=results, on_trial=on_trial, on_arrival=on_arrival, stop=stop
            )
        )
    end_run(result, stopped=stopped, as_json=as_json)
