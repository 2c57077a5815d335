"""What became of each arrival: records, their journal, their table.

Accounting: every arrival that was submitted is ok, failed, unknown or dropped, and a failed one
has the bug class of the container that should have served it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

import pandas as pd

from iluvatar_bench.errors import UsageError

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
}
"""Columns of ``arrivals`` and their types; see :class:`ArrivalRecord`."""


class ArrivalOutcome(StrEnum):
    """The answers an arrival can have."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """An answer of containerd was lost while its container served it."""
    DROPPED = "dropped"
    """The run was stopped while it waited for memory: no container ever had it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalRecord:
    """One arrival. Durations are milliseconds; times ``_at_ms`` count from the workload's start.

    ``lateness_ms`` is how long after its planned time it was submitted (None in a closed loop),
    ``queue_ms`` how long it waited for a container, ``start`` whether that was ``cold`` or
    ``warm``. ``invoke_ms`` is the request to the container alone; ``latency_ms`` runs from the
    planned time (in a closed loop from submission) to the answer. Both are None where no good
    answer came: a failure has no latency, and no small or large number may stand for one.
    """

    run_id: str
    arrival: int
    function: str
    planned_at_ms: float | None
    submitted_at: str
    submitted_at_ms: float
    lateness_ms: float | None
    outcome: ArrivalOutcome
    queue_ms: float | None = None
    start: str | None = None
    trial: int | None = None
    container_id: str | None = None
    bug_class: str | None = None
    invoke_ms: float | None = None
    latency_ms: float | None = None

    def __post_init__(self) -> None:
        """Hold the accounting rule: a class exactly when failed.

        Raises:
            ValueError: outcome and bug class contradict each other.
        """
        if (self.outcome is ArrivalOutcome.FAILED) != (self.bug_class is not None):
            raise ValueError(
                f"arrival {self.arrival}: outcome {self.outcome} with class {self.bug_class!r}"
            )


class ArrivalJournal:
    """``arrivals.jsonl`` in a run's folder: a line an arrival, written as it ends."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "arrivals.jsonl"
        self._file: IO[str] | None = None

    def append(self, record: ArrivalRecord) -> None:
        """Append the record; it survives the end of this process, however it ends."""
        if self._file is None:
            self._file = self._path.open("a")
        self._file.write(json.dumps(asdict(record)) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def rows(self) -> list[dict[str, Any]]:
        """Every complete line, in the order of ends; a last one cut short is passed over."""
        if not self._path.exists():
            return []
        return [json.loads(line) for line in self._path.read_text().split("\n")[:-1]]


def arrivals_frame(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """One row an arrival, ordered by arrival; the columns of ``ARRIVAL_COLUMNS``."""
    frame = pd.DataFrame(list(rows), columns=list(ARRIVAL_COLUMNS))
    frame["submitted_at"] = pd.to_datetime(frame["submitted_at"], utc=True, format="ISO8601")
    return frame.astype(ARRIVAL_COLUMNS).sort_values("arrival", ignore_index=True)


def load_arrivals(folder: Path) -> pd.DataFrame:
    """The arrivals of a run folder; the journal serves where a run was cut off.

    Raises:
        UsageError: an arrival stands there twice, or a failed one without a class: no count made
            from such a folder could be trusted.
    """
    table = folder / "arrivals.parquet"
    frame = (
        pd.read_parquet(table) if table.exists() else arrivals_frame(ArrivalJournal(folder).rows())
    )
    if frame["arrival"].duplicated().any():
        raise UsageError(f"{folder}: an arrival stands in it twice")
    if (frame["outcome"].eq("failed") != frame["bug_class"].notna()).any():
        raise UsageError(f"{folder}: a failed arrival has no class, or another has one")
    return frame


def arrivals_counts(arrivals: pd.DataFrame) -> dict[str, int]:
    """Outcome to the count of arrivals; every outcome is there."""
    counts = arrivals["outcome"].value_counts()
    return {str(outcome): int(counts.get(str(outcome), 0)) for outcome in ArrivalOutcome}


def arrivals_text(arrivals: pd.DataFrame) -> str:
    """The count of each outcome, and of cold and warm starts among the served, in one line."""
    outcomes = ", ".join(f"{count} {name}" for name, count in arrivals_counts(arrivals).items())
    served = arrivals.loc[arrivals["outcome"] == "ok", "start"].value_counts()
    return (
        f"{len(arrivals)} arrivals: {outcomes} "
        f"({served.get('cold', 0)} served cold, {served.get('warm', 0)} warm)"
    )
