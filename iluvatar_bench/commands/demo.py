"""``demo``: the main job in one command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from iluvatar_bench.commands.doctor import require_working_host
from iluvatar_bench.commands.interrupt import INTERRUPTED_STATUS, stop_notebooks
from iluvatar_bench.commands.notebook import say_what_is_kept
from iluvatar_bench.commands.options import Concurrency, ReadySeconds, Results, Seed, Trials
from iluvatar_bench.commands.output import print_plain, print_table


def demo_command(
    trials: Trials = 240,
    concurrency: Concurrency = 6,
    arrivals: Annotated[int, typer.Option(help="requests of the churn workload")] = 120,
    seed: Seed = 1,
    ready_seconds: ReadySeconds = 20.0,
    results: Results = Path("results"),
) -> None:
    """Show the four bugs of 2022 under the worker's profile, and none under the guarded one."""
    from iluvatar_bench.plans import PooledFunction, churn, cold_start

    cold_start(trials=trials, concurrency=concurrency, seed=seed)
    churn(
        arrivals=arrivals, functions=[PooledFunction("hello", "hello")], budget_mib=512, seed=seed
    )
    require_working_host()
    from iluvatar_bench.batch.demo import PROFILES, run_demo
    from iluvatar_bench.batch.notebook import NotebookStopped

    print_plain(
        f"On a private containerd, under each of {' and '.join(PROFILES)}: {trials} cold starts of "
        f"a Python function, {concurrency} at a time; then {arrivals} requests for three functions "
        "to a keep-alive pool. Three to eight minutes."
    )
    try:
        with stop_notebooks() as stop:
            done = run_demo(
                trials=trials,
                concurrency=concurrency,
                arrivals=arrivals,
                seed=seed,
                ready_seconds=ready_seconds,
                results=results,
                progress=sys.stderr.isatty(),
                say=print_plain,
                stop=stop,
            )
    except NotebookStopped as stopped:
        say_what_is_kept(stopped)
        raise typer.Exit(INTERRUPTED_STATUS) from stopped
    for workload, table in done.tables.items():
        print_plain(f"\n{workload}:")
        print_table(table)
    print_plain(
        "\nA cell: count/trials, rate and 95 % Wilson interval; for none, the highest rate that "
        "the trials leave plausible. A trial is one container's life.\nStress workloads: compare "
        "the profiles; the rates are not those of a worker in the field.\n"
    )
    for name, path in done.files.items():
        print_plain(f"{name}: {path}")
