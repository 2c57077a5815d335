"""Opening a finished run from its folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from iluvatar_bench.errors import UnusablePath, UsageError
from iluvatar_bench.records.lazy_tables import LazyTables
from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.records.run_status import OBSERVED
from iluvatar_bench.runs.arrivals import load_arrivals
from iluvatar_bench.runs.attempts import TABLE_OF_ATTEMPTS, load_attempts
from iluvatar_bench.runs.collections import TABLE, load_collections
from iluvatar_bench.runs.load_trials import load_trials
from iluvatar_bench.runs.node_tables import node_readers
from iluvatar_bench.runs.observations import (
    column_readers,
    observation_readers,
    one_container_readers,
)
from iluvatar_bench.runs.pool_log import load_pool
from iluvatar_bench.stats.accounting import COUNTED, outcome_counts
from iluvatar_bench.stats.rates import rates_of_counts


def open_run(folder: Path | str) -> RunResult:
    """A run from its folder; a run that was cut off is read from its journal.

    Its trials are counted; all else of them, and what the monitor saw, is read when it is asked
    for.

    Raises:
        UsageError: it is no run folder, it is damaged, or another schema's.
    """
    folder = Path(folder)
    manifest, trials = load_trials(folder)
    try:
        counts = outcome_counts(trials.parts(*COUNTED))
    except ValueError as error:
        raise UsageError(f"the trials in {folder} do not add up: {error}") from error
    plan = manifest.get("plan", {})
    arrived = "arrivals" in plan
    observed = plan.get("kind") == OBSERVED
    beside = node_readers(folder) if observed else _collections(folder)
    return RunResult(
        folder,
        manifest,
        trials,
        rates_of_counts(counts),
        recorded=True,
        arrivals=load_arrivals(folder) if arrived else None,
        pool=load_pool(folder) if arrived else None,
        seen=LazyTables(
            {**observation_readers(folder), **beside, **_attempts(folder)},
            one_container_readers(folder),
            column_readers(folder),
        ),
    )


def _attempts(folder: Path) -> dict[str, Callable[[], pd.DataFrame]]:
    """What other clients did beside the containers; nothing where none was at work."""
    found = load_attempts(folder)
    return {} if found is None else {TABLE_OF_ATTEMPTS: lambda: found}


def _collections(folder: Path) -> dict[str, Callable[[], pd.DataFrame]]:
    """When containerd collected; nothing where nobody noted it."""
    try:
        found = load_collections(folder)
    except UnusablePath:
        # A log of before that was not kept whole: what it lacks cannot be told.
        found = None
    return {} if found is None else {TABLE: lambda: found}
