"""Experiments: plans run on a real containerd, kept as run folders."""

from iluvatar_bench.experiments.blame import Blame, run_blame
from iluvatar_bench.experiments.churn import run_churn
from iluvatar_bench.experiments.cold_start import run_cold_start
from iluvatar_bench.experiments.comparison import RunComparison, compare_runs
from iluvatar_bench.experiments.design import Design, design
from iluvatar_bench.experiments.detection import Detection, measure_detection, open_detection
from iluvatar_bench.experiments.dose import DoseResponse, run_doses
from iluvatar_bench.experiments.factorial import RootCause, open_root_cause, run_root_cause
from iluvatar_bench.experiments.recorded import find_run, record_run, recorded_names
from iluvatar_bench.experiments.result import RunResult, open_run
from iluvatar_bench.experiments.store import RunFolder, load_observations, load_run

__all__ = [
    "Blame",
    "Design",
    "Detection",
    "DoseResponse",
    "RootCause",
    "RunComparison",
    "RunFolder",
    "RunResult",
    "compare_runs",
    "design",
    "find_run",
    "load_observations",
    "load_run",
    "measure_detection",
    "open_detection",
    "open_root_cause",
    "open_run",
    "record_run",
    "recorded_names",
    "run_blame",
    "run_churn",
    "run_cold_start",
    "run_doses",
    "run_root_cause",
]
