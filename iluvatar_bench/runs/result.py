"""Opening a finished run from its folder."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from iluvatar_bench.errors import UnusablePath, UsageError
from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.records.run_status import OBSERVED
from iluvatar_bench.runs.arrivals import load_arrivals
from iluvatar_bench.runs.collections import TABLE, load_collections
from iluvatar_bench.runs.node_tables import load_node
from iluvatar_bench.runs.observations import load_observations
from iluvatar_bench.runs.other_clients import TABLE_OF_ATTEMPTS, load_attempts
from iluvatar_bench.runs.pool_log import load_pool
from iluvatar_bench.runs.store import load_run
from iluvatar_bench.stats import check_accounting, failure_rates


def open_run(folder: Path | str) -> RunResult:
    """A run from its folder; a run that was cut off is read from its journal.

    Raises:
        UsageError: it is no run folder, it is damaged, or another schema's.
    """
    folder = Path(folder)
    manifest, trials = load_run(folder)
    try:
        check_accounting(trials)
    except ValueError as error:
        raise UsageError(f"the trials in {folder} do not add up: {error}") from error
    plan = manifest.get("plan", {})
    arrived = "arrivals" in plan
    node = load_node(folder) if plan.get("kind") == OBSERVED else _collections(folder)
    return RunResult(
        folder,
        manifest,
        trials,
        failure_rates(trials),
        recorded=True,
        arrivals=load_arrivals(folder) if arrived else None,
        pool=load_pool(folder) if arrived else None,
        seen={**load_observations(folder), **node, **_attempts(folder)},
    )


def _attempts(folder: Path) -> dict[str, pd.DataFrame]:
    """What other clients did beside the containers; nothing where none was at work."""
    found = load_attempts(folder)
    return {} if found is None else {TABLE_OF_ATTEMPTS: found}


def _collections(folder: Path) -> dict[str, pd.DataFrame]:
    """When containerd collected; nothing where nobody noted it."""
    try:
        found = load_collections(folder)
    except UnusablePath:
        # A log of before that was not kept whole: what it lacks cannot be told.
        found = None
    return {} if found is None else {TABLE: found}
