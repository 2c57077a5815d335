"""Studies: runs repeated and compared until a question has its answer."""

from iluvatar_bench.studies.ab import AbQuestion, open_ab, run_ab
from iluvatar_bench.studies.ab_result import AbResult
from iluvatar_bench.studies.blame import Blame, run_blame
from iluvatar_bench.studies.cell_allocation import Precision
from iluvatar_bench.studies.detection import Detection, measure_detection, open_detection
from iluvatar_bench.studies.dose import (
    DoseResponse,
    run_doses,
    scheduled_interval_ms,
    with_model,
)
from iluvatar_bench.studies.habits import HABITS, habit_effects, habit_profiles, run_habits
from iluvatar_bench.studies.hypothesis import HypothesisAnswer, Mined, mine, run_hypotheses
from iluvatar_bench.studies.reproduce import TableCheck, check_tables
from iluvatar_bench.studies.root_cause import RootCause, open_root_cause, run_root_cause
from iluvatar_bench.studies.sample_node import observe_node, observe_sample_node
from iluvatar_bench.studies.upstream_12029 import (
    RUNS_A_SNAPSHOTTER,
    report_calls,
    run_forced_steps,
)

__all__ = [
    "HABITS",
    "RUNS_A_SNAPSHOTTER",
    "AbQuestion",
    "AbResult",
    "Blame",
    "Detection",
    "DoseResponse",
    "HypothesisAnswer",
    "Mined",
    "Precision",
    "RootCause",
    "TableCheck",
    "check_tables",
    "habit_effects",
    "habit_profiles",
    "measure_detection",
    "mine",
    "observe_node",
    "observe_sample_node",
    "open_ab",
    "open_detection",
    "open_root_cause",
    "report_calls",
    "run_ab",
    "run_blame",
    "run_doses",
    "run_forced_steps",
    "run_habits",
    "run_hypotheses",
    "run_root_cause",
    "scheduled_interval_ms",
    "with_model",
]
