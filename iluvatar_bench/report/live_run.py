"""A run as it stands now: what has ended, what lives, how long it may still take. No widgets."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from iluvatar_bench.records import ArrivalRecord, LiveStep, Outcome, Trial
from iluvatar_bench.report.life_phases import PHASE_OF_STEP

WINDOW_SECONDS = 30.0
"""The time line shows so much of the past."""

LAST_FAILURES = 5


@dataclass(slots=True)
class LiveLife:
    """One container on the time line. Times are seconds of the run's clock.

    ``phases`` are the phases with their beginnings; ``lane`` is the line that it stands on, which
    no other has while it lives. ``failed_at`` is when it failed, None unless it did.
    """

    container_id: str
    lane: int
    began_at: float
    phases: list[tuple[str, float]]
    ended_at: float | None = None
    failed_at: float | None = None
    failure: str = ""


@dataclass(slots=True, kw_only=True)
class LiveRun:
    """Takes what a run tells while it goes; ``total`` is how many ``unit`` it has.

    ``unit`` is ``containers``, or ``arrivals`` where the plan says these. ``at_most`` says that it
    may end with fewer.
    """

    total: int
    unit: str = "containers"
    at_most: bool = False
    clock: Callable[[], float] = time.monotonic
    outcomes: Counter[str] = field(default_factory=Counter)
    classes: Counter[str] = field(default_factory=Counter)
    failures: deque[Trial] = field(default_factory=lambda: deque(maxlen=LAST_FAILURES))
    arrivals: int = 0
    living: dict[str, LiveLife] = field(default_factory=dict)
    past: deque[LiveLife] = field(default_factory=deque)
    began_at: float | None = None

    def step(self, told: LiveStep) -> None:
        """A container has begun a step."""
        now = self._now()
        life = self.living.get(told.container_id)
        if life is None:
            life = self._begin(told.container_id, now)
        phase = PHASE_OF_STEP.get(told.step, life.phases[-1][0])
        if phase != life.phases[-1][0]:
            life.phases.append((phase, now))

    def trial(self, trial: Trial) -> None:
        """A container's life has ended."""
        now = self._now()
        life = self.living.pop(trial.container_id, None)
        if life is None:
            # Of a run that tells no steps.
            life = self._begin(trial.container_id, now - (trial.total_ms or 0.0) / 1000)
            del self.living[trial.container_id]
            life.phases = _phases_of(trial, life.began_at)
        life.ended_at = now
        self.outcomes[str(trial.outcome)] += 1
        if trial.outcome is Outcome.FAILED:
            self.classes[str(trial.bug_class)] += 1
            self.failures.append(trial)
            life.failed_at = min(now, life.began_at + _failed_ms(trial) / 1000)
            life.failure = str(trial.bug_class)
        elif trial.outcome is Outcome.UNKNOWN:
            self.classes[str(trial.unknown_class)] += 1
        self.past.append(life)
        self._forget(now)

    def arrival(self, _: ArrivalRecord) -> None:
        """An arrival has ended."""
        self.arrivals += 1

    @property
    def ended(self) -> int:
        """How many trials have ended."""
        return sum(self.outcomes.values())

    @property
    def done(self) -> int:
        """How many of ``total`` are done."""
        return self.arrivals if self.unit == "arrivals" else self.ended

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes at the pace until now; None before anything is done."""
        if self.began_at is None or not self.done:
            return None
        elapsed = self.clock() - self.began_at
        return max(0.0, elapsed * (self.total - self.done) / self.done)

    def lives(self) -> list[LiveLife]:
        """What the time line shows: who lives, and who ended within :data:`WINDOW_SECONDS`."""
        self._forget(self.clock())
        return [*self.past, *self.living.values()]

    def _now(self) -> float:
        now = self.clock()
        if self.began_at is None:
            self.began_at = now
        return now

    def _begin(self, container_id: str, at: float) -> LiveLife:
        taken = {life.lane for life in self.living.values()}
        lane = next(number for number in range(len(taken) + 1) if number not in taken)
        life = LiveLife(container_id, lane, at, [("create", at)])
        self.living[container_id] = life
        return life

    def _forget(self, now: float) -> None:
        while self.past and (self.past[0].ended_at or 0.0) < now - WINDOW_SECONDS:
            self.past.popleft()


def _failed_ms(trial: Trial) -> float:
    """When it failed, milliseconds since its submit: at the end of the step that did."""
    failed = (span.ended_ms for span in trial.spans if not span.completed)
    return next(failed, trial.total_ms or 0.0)


def _phases_of(trial: Trial, began_at: float) -> list[tuple[str, float]]:
    phases = [("create", began_at)]
    for span in sorted(trial.spans, key=lambda span: span.started_ms):
        phase = PHASE_OF_STEP.get(span.name, phases[-1][0])
        if phase != phases[-1][0]:
            phases.append((phase, began_at + span.started_ms / 1000))
    return phases
