"""Records as pandas frames: which columns, of which types. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from iluvatar_bench.count_words import count_of
from iluvatar_bench.records.arrival import ArrivalOutcome
from iluvatar_bench.records.observations import Death, Event, Sample
from iluvatar_bench.records.trial import STEP_COLUMNS, Outcome, Trial, UnknownClass

ARRIVAL_COLUMNS = {
    "run_id": "string",
    "arrival": "int64",
    "function": "string",
    "planned_at_ms": "float64",
    "submitted_at": "datetime64[ns, UTC]",
    "submitted_at_ms": "float64",
    "lateness_ms": "float64",
    "queue_ms": "float64",
    "start": "string",
    "trial": "Int64",
    "container_id": "string",
    "outcome": "string",
    "bug_class": "string",
    "invoke_ms": "float64",
    "latency_ms": "float64",
    "attempts": "Int64",
    "first_failure": "string",
    "mechanism": "string",
}
"""Columns of ``arrivals`` and their types; see ``records.ArrivalRecord``."""

NOT_OF_OLD = ("attempts", "first_failure", "mechanism")
"""Columns that arrivals of earlier runs do not have: empty there."""

POOL_COLUMNS = {
    "at_ms": "float64",
    "event": "string",
    "container": "Int64",
    "busy": "int64",
    "idle": "int64",
    "leaving": "int64",
    "waiting": "int64",
    "resident_mib": "int64",
}
"""``event`` is one of arrive, launch, serve, release, evict, expire, dead (found dead while idle),
gone, drop, close, prewarm (started ahead of any arrival), ready (may take more at a time), retry
(an arrival that failed is given to another), unhealthy (removed in the round after it failed),
resume (the pool is empty again, because the run was cut off); the counts are those after it.
Decisions that follow from one event are taken at once, so rows of the same moment have the same
counts."""


@dataclass(frozen=True, slots=True)
class Observations:
    """What a monitor saw over a run."""

    events: Sequence[Event] = ()
    deaths: Sequence[Death] = ()
    samples: Sequence[Sample] = ()

    def frames(self) -> dict[str, pd.DataFrame]:
        """A frame of each kind, one row a record; times are UTC, counts nullable integers."""
        return {
            "events": _frame(Event, self.events),
            "deaths": _frame(Death, self.deaths),
            "samples": _frame(Sample, self.samples),
        }


_WHOLE_NUMBERS = frozenset(
    {"pid", "exit_status", "throttled_periods", "limit_hits", "oom_kills", "pids"}
)


def _frame(
    kind: type[Event | Death | Sample], records: Sequence[Event | Death | Sample]
) -> pd.DataFrame:
    columns = list(kind.__dataclass_fields__)
    frame = pd.DataFrame([record.as_row() for record in records], columns=columns)
    for column in columns:
        if column == "timestamp" or column.endswith("_at"):
            frame[column] = pd.to_datetime(frame[column], utc=True, format="ISO8601")
        elif column in _WHOLE_NUMBERS or column.endswith("_bytes"):
            frame[column] = frame[column].astype("Int64")
        elif column == "host_load" or column.endswith("_ms"):
            frame[column] = frame[column].astype("float64")
    return frame


def trials_frame(trials: Iterable[Trial]) -> pd.DataFrame:
    """One row a trial, ordered by trial; steps that were not reached are NaN.

    ``submitted_at`` is UTC. ``exit_status`` is a nullable integer. Without any trial the frame has
    the columns all the same, but those of the factors.
    """
    rows = sorted((trial.as_row() for trial in trials), key=lambda row: row["trial"])
    frame = pd.DataFrame(rows) if rows else pd.DataFrame(columns=list(NO_TRIAL.as_row()))
    frame["submitted_at"] = pd.to_datetime(frame["submitted_at"], utc=True, format="ISO8601")
    frame["exit_status"] = frame["exit_status"].astype("Int64")
    for column in (*STEP_COLUMNS, "total_ms"):
        frame[column] = frame[column].astype("float64")
    return frame


EPOCH = "1970-01-01T00:00:00+00:00"
"""A time for a column's type alone."""

NO_TRIAL = Trial(
    run_id="",
    trial=0,
    container_id="",
    profile="",
    factors={},
    function="",
    submitted_at=EPOCH,
    outcome=Outcome.OK,
)
"""A trial for its columns and their types alone."""


def with_unknown_class(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials with the column ``unknown_class``, which runs of earlier versions have not."""
    if "unknown_class" in trials.columns or "outcome" not in trials.columns:
        return trials
    lost = trials["outcome"].eq(str(Outcome.UNKNOWN))
    reason = pd.Series(None, index=trials.index, dtype="object")
    return trials.assign(unknown_class=reason.mask(lost, str(UnknownClass.ANSWER_LOST)))


INVOCATION_COLUMNS: Mapping[str, str] = {
    "run_id": "string",
    "trial": "int64",
    "container_id": "string",
    "attachment": "string",
    "operation": "string",
    "first": "boolean",
    "sent_at": "datetime64[ns, UTC]",
    "duration_ms": "float64",
    "status": "Int64",
    "response_bytes": "Int64",
    "cause": "string",
    "error": "string",
}
"""Columns of ``invocations`` and their types."""


def invocations_frame(trials: Iterable[Trial]) -> pd.DataFrame:
    """One row a request to a container, with its trial, ordered by the time it was sent."""
    rows = [
        {
            "run_id": trial.run_id,
            "trial": trial.trial,
            "container_id": trial.container_id,
            **invocation,
        }
        for trial in trials
        for invocation in trial.invocations
    ]
    frame = pd.DataFrame(rows, columns=list(INVOCATION_COLUMNS))
    frame["sent_at"] = pd.to_datetime(frame["sent_at"], utc=True, format="ISO8601")
    return frame.astype(INVOCATION_COLUMNS).sort_values("sent_at", ignore_index=True)


def arrivals_frame(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """One row an arrival, ordered by arrival; the columns of ``ARRIVAL_COLUMNS``."""
    frame = pd.DataFrame(list(rows), columns=list(ARRIVAL_COLUMNS))
    frame["submitted_at"] = pd.to_datetime(frame["submitted_at"], utc=True, format="ISO8601")
    return frame.astype(ARRIVAL_COLUMNS).sort_values("arrival", ignore_index=True)


def with_later_columns(arrivals: pd.DataFrame) -> pd.DataFrame:
    """The arrivals of a run of any age, with all columns that today's have."""
    missing = {n: ARRIVAL_COLUMNS[n] for n in NOT_OF_OLD if n not in arrivals.columns}
    empty = {n: pd.Series(pd.NA, index=arrivals.index, dtype=kind) for n, kind in missing.items()}
    return arrivals.assign(**empty)


def arrivals_counts(arrivals: pd.DataFrame) -> dict[str, int]:
    """Outcome to the count of arrivals; every outcome is there."""
    counts = arrivals["outcome"].value_counts()
    return {str(outcome): int(counts.get(str(outcome), 0)) for outcome in ArrivalOutcome}


def arrivals_text(arrivals: pd.DataFrame) -> str:
    """The count of each outcome, and of cold and warm starts among the served, in one line."""
    outcomes = ", ".join(f"{count} {name}" for name, count in arrivals_counts(arrivals).items())
    served = arrivals.loc[arrivals["outcome"] == "ok", "start"].value_counts()
    return (
        f"{count_of(len(arrivals), 'arrival')}: {outcomes} "
        f"({served.get('cold', 0)} served cold, {served.get('warm', 0)} warm)"
    )
