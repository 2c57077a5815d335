"""The main job in one call: the bugs of 2022 under the worker's profile, none under the guarded."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from iluvatar_bench.experiments import RunResult, open_run
from iluvatar_bench.notebook import run_notebook
from iluvatar_bench.report import (
    comparison_table,
    plot_rates,
    report_page,
    save_figure,
)

PROFILES = ("iluvatar-2022-07", "guarded")


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo made: one run per profile, and their comparison."""

    runs: tuple[RunResult, ...]
    table: pd.DataFrame
    files: dict[str, Path]


def run_demo(
    *,
    trials: int,
    concurrency: int,
    seed: int,
    results: Path,
    progress: bool = True,
    say: Callable[[str], None] = lambda _: None,
) -> Demo:
    """Execute the cold-start notebook under each profile and compare the runs.

    ``say`` is called with a line as each phase ends.

    Raises:
        IluvatarBenchError: as ``run_notebook``.
    """
    home = results.resolve() / f"demo-{datetime.now(UTC).strftime('%Y%m%dT%H%M%S')}"
    runs: list[RunResult] = []
    files: dict[str, Path] = {}
    for profile in PROFILES:
        parameters = {
            "profile": profile,
            "trials": trials,
            "concurrency": concurrency,
            "seed": seed,
            "results": str(home),
        }
        executed = run_notebook("cold_start", parameters, results=home, progress=progress)
        runs.append(open_run(executed.run_folders[0]))
        say(f"{profile}: {runs[-1]}")
        files[f"notebook, {profile}"] = executed.notebook
        files[f"notebook as HTML, {profile}"] = executed.html
        files[f"trials as CSV, {profile}"] = executed.run_folders[0] / "trials.csv"
    return _compared(home, tuple(runs), files)


def _compared(home: Path, runs: tuple[RunResult, ...], files: dict[str, Path]) -> Demo:
    rates = pd.concat([run.rates for run in runs], ignore_index=True)
    table = comparison_table(rates)
    files["failure rates as CSV"] = home / "failure_rates.csv"
    rates.to_csv(files["failure rates as CSV"], index=False)
    files["figure (PNG)"], files["figure (SVG)"] = save_figure(
        plot_rates(rates), home / "failure_rates"
    )
    files["report"] = home / "report.html"
    links = {name: os.path.relpath(path, home) for name, path in files.items() if name != "report"}
    title = "The 2022 bugs of a FaaS worker, and the fix, on a real containerd"
    files["report"].write_text(report_page(runs, title=title, links=links))
    return Demo(runs, table, files)
