"""Experiments: plans run on a real containerd, kept as run folders."""

from iluvatar_bench.experiments.churn import run_churn
from iluvatar_bench.experiments.cold_start import run_cold_start
from iluvatar_bench.experiments.result import RunResult, open_run
from iluvatar_bench.experiments.store import RunFolder, load_run

__all__ = ["RunFolder", "RunResult", "load_run", "open_run", "run_churn", "run_cold_start"]
