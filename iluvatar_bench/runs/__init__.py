"""Runs: one plan under one profile on a real containerd, kept as a folder."""

from iluvatar_bench.host.stop_signals import stop_on_signals
from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.runs.churn import run_churn
from iluvatar_bench.runs.cold_start import run_cold_start
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
from iluvatar_bench.runs.store import RunFolder, load_run

__all__ = [
    "Rejudged",
    "Repeat",
    "RunFolder",
    "RunResult",
    "RunRow",
    "find_run",
    "find_tables",
    "is_live",
    "load_observations",
    "load_pool",
    "load_run",
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
