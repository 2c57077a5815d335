"""What became of each arrival.

Accounting: every arrival that was submitted is ok, failed, unknown or dropped, and a failed one
has the bug class of the container that should have served it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ArrivalOutcome(StrEnum):
    """The answers an arrival can have."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """An answer of containerd was lost while its container served it."""
    DROPPED = "dropped"
    """No container ever had it: the run was stopped while it waited for memory, or its containerd
    was lost before it could be asked for one."""


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
    attempts: int = 1
    first_failure: str | None = None
    mechanism: str | None = None

    def __post_init__(self) -> None:
        """Hold the accounting rule: a class exactly when failed.

        Raises:
            ValueError: outcome and bug class contradict each other.
        """
        if (self.outcome is ArrivalOutcome.FAILED) != (self.bug_class is not None):
            raise ValueError(
                f"arrival {self.arrival}: outcome {self.outcome} with class {self.bug_class!r}"
            )
