"""The arrivals of a churn from submission to their record: also those that are tried again.

A client has its answer as soon as there is one. The record of an arrival that some container failed
waits until that container's trial is judged, because its class is the trial's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from iluvatar_bench.bugs import Mechanism
from iluvatar_bench.plans import Arrival
from iluvatar_bench.records import ArrivalOutcome, ArrivalRecord, Outcome, Trial

ArrivalSink = Callable[[ArrivalRecord], None]


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A container that was given an arrival and failed it; ``at`` in seconds since the epoch."""

    container: int
    at: float


@dataclass(slots=True)
class OpenArrival:
    """An arrival that was submitted and has no record yet; times from the workload's start, in ms.

    ``ended`` is done once its client has an answer, good or not.
    """

    arrival: Arrival
    planned_at_ms: float | None
    submitted_at: str
    submitted_at_ms: float
    ended: asyncio.Future[None]
    start: str | None = None
    begun_at_ms: float | None = None
    begun_at: float = 0.0
    attempts: int = 0
    failures: list[_Attempt] = field(default_factory=list)
    answer: dict[str, Any] | None = None
    """What the last attempt gave; without an outcome it is that of its container's trial."""


class ArrivalBook:
    """The arrivals that are open, and where their records go.

    ``retries`` is how often an arrival that failed is tried again, ``now_ms`` the workload's clock.
    ``in_rounds`` says that the pool learns of a container's end in rounds, not at once. A sink that
    raises raises from here.
    """

    def __init__(
        self,
        *,
        run_id: str,
        sinks: tuple[ArrivalSink, ...],
        retries: int,
        in_rounds: bool,
        now_ms: Callable[[], float],
    ) -> None:
        self._run_id = run_id
        self._sinks = sinks
        self._retries = retries
        self._in_rounds = in_rounds
        self._now_ms = now_ms
        self._open: dict[int, OpenArrival] = {}
        self._answered: dict[int, OpenArrival] = {}
        """Those whose records wait for a trial to be judged."""
        self._judged: dict[int, Trial] = {}
        """Trials of containers that failed an arrival."""

    @property
    def unanswered(self) -> list[asyncio.Future[None]]:
        """What to wait for until every client has its answer."""
        return [one.ended for one in self._open.values()]

    def submit(self, arrival: Arrival, *, planned_at_ms: float | None) -> OpenArrival:
        """An arrival came just now."""
        opened = OpenArrival(
            arrival=arrival,
            planned_at_ms=planned_at_ms,
            submitted_at=datetime.now(UTC).isoformat(),
            submitted_at_ms=self._now_ms(),
            ended=asyncio.get_running_loop().create_future(),
        )
        self._open[arrival.index] = opened
        return opened

    def begin(self, number: int, start: str) -> None:
        """It is given to a container: a ``cold`` one, or a ``warm`` one."""
        opened = self._open[number]
        opened.start = start
        opened.attempts += 1
        opened.begun_at = time.time()
        if opened.begun_at_ms is None:
            opened.begun_at_ms = self._now_ms()

    def function(self, number: int) -> str:
        """Which function an open arrival is for."""
        return self._open[number].arrival.function

    def failed_by(self, number: int) -> tuple[int, ...]:
        """The containers that have failed an open arrival so far."""
        return tuple(attempt.container for attempt in self._open[number].failures)

    def served(self, number: int, *, container: int, container_id: str, invoke_ms: float) -> None:
        """It has a good answer."""
        opened = self._open[number]
        planned = opened.planned_at_ms
        since = opened.submitted_at_ms if planned is None else planned
        self._end(
            opened,
            outcome=ArrivalOutcome.OK,
            trial=container,
            container_id=container_id,
            invoke_ms=invoke_ms,
            latency_ms=self._now_ms() - since,
        )

    def failed(self, number: int, *, container: int, again: bool = True) -> bool:
        """A container failed it. Answers whether it is to be tried again, if it may be at all."""
        opened = self._open[number]
        opened.failures.append(_Attempt(container, opened.begun_at))
        if again and len(opened.failures) <= self._retries:
            return True
        self._end(opened)
        return False

    def dropped(self, number: int) -> None:
        """It gets no container (any more)."""
        opened = self._open[number]
        if opened.failures:
            self._end(opened)
        else:
            self._end(opened, outcome=ArrivalOutcome.DROPPED)

    def judged(self, trial: Trial) -> None:
        """A container's trial is over: arrivals that waited for its class get their records."""
        waiting = (*self._answered.values(), *self._open.values())
        if any(a.container == trial.trial for opened in waiting for a in opened.failures):
            self._judged[trial.trial] = trial
        for opened in tuple(self._answered.values()):
            self._settle(opened)

    def _end(self, opened: OpenArrival, **answer: Any) -> None:
        number = opened.arrival.index
        opened.answer = answer
        del self._open[number]
        self._answered[number] = opened
        if not opened.ended.done():
            # Done already: cancelled with its client, where the run is.
            opened.ended.set_result(None)
        self._settle(opened)

    def _settle(self, opened: OpenArrival) -> None:
        """Write the record, if every trial that it names is judged."""
        if any(attempt.container not in self._judged for attempt in opened.failures):
            return
        del self._answered[opened.arrival.index]
        record = self._record(opened)
        for sink in self._sinks:
            sink(record)

    def _record(self, opened: OpenArrival) -> ArrivalRecord:
        assert opened.answer is not None
        answer = opened.answer or self._failure(opened.failures[-1])
        first = self._judged[opened.failures[0].container] if opened.failures else None
        planned, begun = opened.planned_at_ms, opened.begun_at_ms
        return ArrivalRecord(
            run_id=self._run_id,
            arrival=opened.arrival.index,
            function=opened.arrival.function,
            planned_at_ms=planned,
            submitted_at=opened.submitted_at,
            submitted_at_ms=opened.submitted_at_ms,
            lateness_ms=None if planned is None else opened.submitted_at_ms - planned,
            queue_ms=None if begun is None else begun - opened.submitted_at_ms,
            start=opened.start,
            attempts=opened.attempts,
            first_failure=None if first is None else first.bug_class or str(first.outcome),
            **answer,
        )

    def _failure(self, attempt: _Attempt) -> dict[str, Any]:
        trial = self._judged[attempt.container]
        failed = trial.outcome is Outcome.FAILED
        ended = trial.evidence.get("exited_at")
        stale = self._in_rounds and failed and ended is not None and ended < attempt.at
        return {
            "outcome": ArrivalOutcome.FAILED if failed else ArrivalOutcome.UNKNOWN,
            "trial": trial.trial,
            "container_id": trial.container_id,
            "bug_class": trial.bug_class,
            "mechanism": str(Mechanism.STALE_HEALTH) if stale else trial.mechanism,
        }
