"""Experiments: plans run on a real containerd, kept as run folders."""

from iluvatar_bench.experiments.cold_start import run_cold_start
from iluvatar_bench.experiments.detection import Detection, measure_detection, open_detection
from iluvatar_bench.experiments.result import RunResult, open_run
from iluvatar_bench.experiments.store import RunFolder, load_observations, load_run

__all__ = [
    "Detection",
    "RunFolder",
    "RunResult",
    "load_observations",
    "load_run",
    "measure_detection",
    "open_detection",
    "open_run",
    "run_cold_start",
]
