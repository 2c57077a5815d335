"""Experiments: plans run on a real containerd, kept as run folders."""

from iluvatar_bench.experiments.churn import run_churn
from iluvatar_bench.experiments.cold_start import run_cold_start
from iluvatar_bench.experiments.comparison import RunComparison, compare_runs
from iluvatar_bench.experiments.detection import Detection, measure_detection, open_detection
from iluvatar_bench.experiments.recorded import find_run, record_run, recorded_names
from iluvatar_bench.experiments.result import RunResult, open_run
from iluvatar_bench.experiments.store import RunFolder, load_observations, load_run

__all__ = [
    "Detection",
    "RunComparison",
    "RunFolder",
    "RunResult",
    "compare_runs",
    "find_run",
    "load_observations",
    "load_run",
    "measure_detection",
    "open_detection",
    "open_run",
    "record_run",
    "recorded_names",
    "run_churn",
    "run_cold_start",
]
