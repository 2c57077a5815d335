"""Plain values that packages hand to each other: what is written to a run's folder, and read back.

Light to import: the frames (``records.frames``) and a finished run (``records.run_result``), which
need pandas, are modules of their own.
"""

from iluvatar_bench.records.arrival import ArrivalOutcome, ArrivalRecord
from iluvatar_bench.records.call import Call
from iluvatar_bench.records.live_container import LiveContainer, LiveFix, LiveMoment
from iluvatar_bench.records.live_step import LiveStep
from iluvatar_bench.records.observations import Death, Event, Sample, Way
from iluvatar_bench.records.trial import (
    COLLECTION_SPAN,
    COUNTED_ALIKE,
    READABLE_VERSIONS,
    SCHEMA_VERSION,
    STEP_COLUMNS,
    Outcome,
    Span,
    Trial,
    UnknownClass,
)

__all__ = [
    "COLLECTION_SPAN",
    "COUNTED_ALIKE",
    "READABLE_VERSIONS",
    "SCHEMA_VERSION",
    "STEP_COLUMNS",
    "ArrivalOutcome",
    "ArrivalRecord",
    "Call",
    "Death",
    "Event",
    "LiveContainer",
    "LiveFix",
    "LiveMoment",
    "LiveStep",
    "Outcome",
    "Sample",
    "Span",
    "Trial",
    "UnknownClass",
    "Way",
]
