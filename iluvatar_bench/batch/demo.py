"""The main job in one call: the bugs of 2022 under the worker's profile, none under the guarded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from iluvatar_bench.batch.notebook import run_notebook
from iluvatar_bench.batch.stop import NotebookStop
from iluvatar_bench.lifecycle.container import STARTUP_SECONDS
from iluvatar_bench.report import (
    comparison_table,
    plot_rates,
    report_page,
    save_figure,
)
from iluvatar_bench.runs import RunResult, open_run

PROFILES = ("iluvatar-2022-07", "guarded")

CHURN_CLIENTS = 3
CHURN_BUDGET_MIB = 512
"""The churn load: clients that wait for their answers load every machine alike. Few of them leave
ready containers to be killed, and the budget has room for four containers of three functions."""


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo made: a cold-start and a churn run per profile, and their comparison.

    ``tables`` has the failure rates of each workload, profiles side by side.
    """

    runs: tuple[RunResult, ...]
    tables: dict[str, pd.DataFrame]
    files: dict[str, Path]


def run_demo(
    *,
    trials: int,
    concurrency: int,
    arrivals: int,
    seed: int,
    results: Path,
    ready_seconds: float = STARTUP_SECONDS,
    progress: bool = True,
    say: Callable[[str], None] = lambda _: None,
    stop: NotebookStop | None = None,
) -> Demo:
    """Execute the cold-start and the churn notebook under each profile and compare the runs.

    ``say`` is called with a line for each run, as its notebook ends.

    Raises:
        NotebookStopped: ``stop`` was asked for; the runs that had ended, and the one that was
            ended early, are kept.
        IluvatarBenchError: as ``run_notebook``.
    """
    home = results.resolve() / f"demo-{datetime.now(UTC).strftime('%Y%m%dT%H%M%S')}"
    common = {"seed": seed, "ready_seconds": ready_seconds, "results": str(home)}
    cold_start = {**common, "trials": trials, "concurrency": concurrency}
    runs: list[RunResult] = []
    files: dict[str, Path] = {}
    for name, what, parameters in _notebooks(cold_start, {**common, "arrivals": arrivals}):
        executed = run_notebook(name, parameters, results=home, progress=progress, stop=stop)
        files[f"notebook {name}, {what}"] = executed.notebook
        files[f"the same as HTML, {name}, {what}"] = executed.html
        for folder in executed.run_folders:
            run = open_run(folder)
            runs.append(run)
            say(f"{run.workload}, {run.label}: {run}")
            files[f"trials as CSV, {run.workload}, {run.label}"] = folder / "trials.csv"
    return _compared(home, tuple(runs), files)


def _notebooks(
    cold_start: dict[str, Any], churn: dict[str, Any]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each notebook, whose runs it makes, and its parameters."""
    for profile in PROFILES:
        yield "cold_start", profile, {**cold_start, "profile": profile}
    load = {"pattern": "closed", "clients": CHURN_CLIENTS, "budget_mib": CHURN_BUDGET_MIB}
    yield "churn", "both profiles", {**churn, **load, "profiles": list(PROFILES)}


def _compared(home: Path, runs: tuple[RunResult, ...], files: dict[str, Path]) -> Demo:
    tables = {}
    for workload in dict.fromkeys(run.workload for run in runs):
        rates = pd.concat([run.rates for run in runs if run.workload == workload])
        tables[workload] = comparison_table(rates)
        path = home / f"failure_rates-{workload}"
        files[f"failure rates as CSV, {workload}"] = path.with_suffix(".csv")
        rates.to_csv(path.with_suffix(".csv"), index=False)
        png, svg = save_figure(plot_rates(rates), path)
        files |= {f"figure (PNG), {workload}": png, f"figure (SVG), {workload}": svg}
    files["report"] = home / "report.html"
    links = {name: os.path.relpath(path, home) for name, path in files.items() if name != "report"}
    title = "The 2022 bugs of a FaaS worker, and the fix, on a real containerd"
    files["report"].write_text(report_page(runs, title=title, links=links))
    return Demo(runs, tables, files)
