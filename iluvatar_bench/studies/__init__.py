"""Studies: runs repeated and compared until a question has its answer."""

from iluvatar_bench.studies.blame import Blame, run_blame
from iluvatar_bench.studies.detection import Detection, measure_detection, open_detection
from iluvatar_bench.studies.dose import DoseResponse, run_doses
from iluvatar_bench.studies.root_cause import RootCause, open_root_cause, run_root_cause

__all__ = [
    "Blame",
    "Detection",
    "DoseResponse",
    "RootCause",
    "measure_detection",
    "open_detection",
    "open_root_cause",
    "run_blame",
    "run_doses",
    "run_root_cause",
]
