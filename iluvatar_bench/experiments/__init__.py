"""Experiments: plans run on a real containerd, kept as run folders."""

from iluvatar_bench.experiments.cold_start import RunResult, run_cold_start
from iluvatar_bench.experiments.store import RunFolder, load_run

__all__ = ["RunFolder", "RunResult", "load_run", "run_cold_start"]
