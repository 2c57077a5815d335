"""One trial: what a run's folder keeps of a container's life.

History of ``SCHEMA_VERSION``:

1. First version: trials, events, manifest.
2. Adds the invocations of each trial (``invocations.parquet``), the spans of its steps (a column
   of ``trials``), deaths and samples (tables of their own). Version 1 is still read: it has none.
3. Adds ``unknown_class`` to the trials: why the outcome is not known, for an unknown one only.
   ``bug_class`` stays that of failures, so that trials = ok + failed + unknown and failed = the sum
   over bug classes hold as before. In earlier versions every unknown trial is ``answer_lost``.
   ``evidence`` names the rules that judged (``rules``), and a run that was judged anew has the
   recorded verdicts beside (``recorded_bug_class``, ``recorded_mechanism``).

Durations are milliseconds from the monotonic clock; a step that was not reached is ``None`` here
and NaN in a frame, never 0. Times of day are UTC, ISO 8601.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

SCHEMA_VERSION = 3
READABLE_VERSIONS = (1, 2, 3)
COUNTED_ALIKE = frozenset({2, 3})
"""Versions whose trials may be compared with each other: a trial counts for the same in them."""

STEP_COLUMNS = (
    "create_ms",
    "prepare_ms",
    "task_create_ms",
    "start_ms",
    "ready_ms",
    "first_invoke_ms",
    "alive_ms",
    "kill_ms",
    "delete_ms",
)
"""One duration per lifecycle step. ``ready_ms`` counts from Tasks.Start's answer to ready,
``alive_ms`` from ready to the first Kill or the death."""


COLLECTION_SPAN = "collection"
"""The span of a collection that this client forced; every other span is a lifecycle step."""


class Outcome(StrEnum):
    """The three answers a trial can have."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Nobody knows, for the reason that its ``UnknownClass`` says: never counted as ok."""


class UnknownClass(StrEnum):
    """Why an outcome is not known."""

    ANSWER_LOST = "answer_lost"
    """Containerd did not say whether it did what it was asked for."""
    HARNESS_ERROR = "harness_error"
    """This program itself failed: nothing is said about the container."""
    NOT_SEEN = "not_seen"
    """Of somebody else's container: too little was seen of its end to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What this client did to a container, and when: milliseconds since the trial's submit.

    ``name`` is a step (``start``), or ``collection`` for a forced one. Unlike the step's column, a
    span is there for a step that failed too: with the time at which it failed.
    """

    name: str
    started_ms: float
    ended_ms: float
    completed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One container's life, from submit to removed: one row of ``trials``."""

    run_id: str
    trial: int
    container_id: str
    profile: str
    factors: dict[str, str | int | float]
    function: str
    submitted_at: str
    outcome: Outcome
    bug_class: str | None = None
    unknown_class: str | None = None
    """An ``UnknownClass`` where the outcome is unknown; left away there, an answer was lost."""
    mechanism: str | None = None
    error: str | None = None
    failed_step: str | None = None
    exit_status: int | None = None
    steps: dict[str, float] = field(default_factory=dict)
    spans: tuple[Span, ...] = ()
    total_ms: float | None = None
    cleanup_errors: tuple[str, ...] = ()
    evidence: dict[str, Any] = field(default_factory=dict)
    invocations: tuple[dict[str, Any], ...] = ()
    """One flat row for each request to the container (``lifecycle.invocation.Invocation``)."""

    def __post_init__(self) -> None:
        """Hold the accounting rule: a bug class exactly when failed, a reason exactly when unknown.

        Raises:
            ValueError: outcome and bug class contradict each other.
        """
        if (self.outcome is Outcome.FAILED) != (self.bug_class is not None):
            raise ValueError(
                f"trial {self.trial}: outcome {self.outcome} with bug class {self.bug_class!r}"
            )
        if self.outcome is Outcome.UNKNOWN:
            reason = UnknownClass(self.unknown_class or UnknownClass.ANSWER_LOST)
            object.__setattr__(self, "unknown_class", str(reason))
        elif self.unknown_class is not None:
            raise ValueError(f"trial {self.trial}: {self.outcome}, and {self.unknown_class!r}")
        unknown_steps = set(self.steps) - set(STEP_COLUMNS)
        if unknown_steps:
            raise ValueError(f"trial {self.trial}: no such step columns {sorted(unknown_steps)}")

    def as_row(self) -> dict[str, Any]:
        """One flat row: a column per factor and per step, spans and evidence as JSON text.

        The invocations are rows of a table of their own.
        """
        row: dict[str, Any] = {
            "run_id": self.run_id,
            "trial": self.trial,
            "container_id": self.container_id,
            "profile": self.profile,
            **self.factors,
            "function": self.function,
            "submitted_at": self.submitted_at,
            "outcome": str(self.outcome),
            "bug_class": self.bug_class,
            "unknown_class": self.unknown_class,
            "mechanism": self.mechanism,
            "failed_step": self.failed_step,
            "error": self.error,
            "exit_status": self.exit_status,
        }
        row.update({name: self.steps.get(name) for name in STEP_COLUMNS})
        row["total_ms"] = self.total_ms
        row["cleanup_errors"] = "; ".join(self.cleanup_errors) or None
        row["spans"] = json.dumps([asdict(span) for span in self.spans])
        row["evidence"] = json.dumps(self.evidence)
        return row

    def as_json(self) -> dict[str, Any]:
        """The record as JSON-ready values, for the journal."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Trial:
        """The record that :meth:`as_json` wrote."""
        fields = dict(document)
        fields["outcome"] = Outcome(fields["outcome"])
        fields["cleanup_errors"] = tuple(fields.get("cleanup_errors", ()))
        fields["spans"] = tuple(Span(**span) for span in fields.get("spans", ()))
        fields["invocations"] = tuple(fields.get("invocations", ()))
        return cls(**fields)
