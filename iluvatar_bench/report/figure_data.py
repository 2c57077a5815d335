"""What figures are drawn from: of a run no more columns and rows than they show."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.records.run_status import OBSERVED
from iluvatar_bench.report.timeline import trial_timeline, trials_beside, unwanted_deaths
from iluvatar_bench.stats import SurvivalCurve, time_to_death

SAMPLE_COLUMNS = ("container_id", "round", "sampled_at", "rss_bytes")
"""What is shown of the samples of memory."""


def trials_of(runs: Sequence[RunResult], *columns: str) -> pd.DataFrame:
    """The trials of all runs below each other, with those of these columns that they have."""
    return pd.concat([run.table.columns(*columns) for run in runs], ignore_index=True)


def survival_of(run: RunResult) -> SurvivalCurve:
    """How long its ready containers lived."""
    return time_to_death(run.table.columns("bug_class", "alive_ms"))


def deaths_in(run: RunResult) -> pd.DataFrame:
    """When the containers of trials that did not end well died."""
    deaths = run.seen_columns("deaths", "container_id", "first_seen_at")
    return unwanted_deaths(deaths, run.table.columns("outcome", "container_id"))


def timeline_of(run: RunResult, trial: int) -> pd.DataFrame:
    """What was done to one container, and seen of it (``timeline.trial_timeline``).

    Raises:
        UsageError: there is no such trial, or it has no times.
    """
    trials = trials_beside(run.table, trial)
    name = str(trials.loc[trials["trial"] == trial, "container_id"].iloc[0])
    # An observation has seen other things besides.
    seen = {kind: run.seen_of(kind, name) for kind in ("events", "deaths", "samples")}
    return trial_timeline(trials, trial=trial, **seen, collections=collections_of(run))


def collections_of(run: RunResult) -> pd.DataFrame | None:
    """When containerd collected; an observation has another table of that name."""
    return None if run.workload == OBSERVED else run.seen.get("collections")
