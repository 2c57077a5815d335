"""Runs: one plan under one profile on a real containerd, kept as a folder."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iluvatar_bench.host.stop_signals import stop_on_signals
    from iluvatar_bench.records.run_result import RunResult
    from iluvatar_bench.runs.archive import (
        Archived,
        OpenedArchive,
        archive_runs,
        open_archive,
    )
    from iluvatar_bench.runs.churn import run_churn
    from iluvatar_bench.runs.cold_start import run_cold_start
    from iluvatar_bench.runs.load_trials import load_run
    from iluvatar_bench.runs.observations import load_observations
    from iluvatar_bench.runs.overview import RunRow, run_rows
    from iluvatar_bench.runs.pool_log import load_pool
    from iluvatar_bench.runs.recorded import (
        find_run,
        find_tables,
        is_live,
        record_run,
        recorded_logs,
        recorded_names,
    )
    from iluvatar_bench.runs.rejudge import Rejudged, rejudge_run
    from iluvatar_bench.runs.repeat import Repeat, plan_repeat, repeat_run
    from iluvatar_bench.runs.result import open_run
    from iluvatar_bench.runs.resume import resume_run
    from iluvatar_bench.runs.store import RunFolder

__all__ = [
    "Archived",
    "OpenedArchive",
    "Rejudged",
    "Repeat",
    "RunFolder",
    "RunResult",
    "RunRow",
    "archive_runs",
    "find_run",
    "find_tables",
    "is_live",
    "load_observations",
    "load_pool",
    "load_run",
    "open_archive",
    "open_run",
    "plan_repeat",
    "record_run",
    "recorded_logs",
    "recorded_names",
    "rejudge_run",
    "repeat_run",
    "resume_run",
    "run_churn",
    "run_cold_start",
    "run_rows",
    "stop_on_signals",
]

_HOMES = {
    "host.stop_signals": ("stop_on_signals",),
    "records.run_result": ("RunResult",),
    "runs.archive": ("Archived", "OpenedArchive", "archive_runs", "open_archive"),
    "runs.churn": ("run_churn",),
    "runs.cold_start": ("run_cold_start",),
    "runs.load_trials": ("load_run",),
    "runs.observations": ("load_observations",),
    "runs.overview": ("RunRow", "run_rows"),
    "runs.pool_log": ("load_pool",),
    "runs.recorded": (
        "find_run",
        "find_tables",
        "is_live",
        "record_run",
        "recorded_logs",
        "recorded_names",
    ),
    "runs.rejudge": ("Rejudged", "rejudge_run"),
    "runs.repeat": ("Repeat", "plan_repeat", "repeat_run"),
    "runs.result": ("open_run",),
    "runs.resume": ("resume_run",),
    "runs.store": ("RunFolder",),
}
"""Where the public names live. They are imported when first used: to find a run, or to say that
there is none, takes neither pandas nor a client of containerd."""


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"iluvatar_bench.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
