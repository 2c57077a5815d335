"""One question of a search for causes: is a bug class gone with these factors changed?

The answer is a sequential test with known errors, not a single run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from iluvatar_bench.bugs import BugClass
from iluvatar_bench.plans import PlannedTrial, cold_start
from iluvatar_bench.profiles import Profile
from iluvatar_bench.profiles.profile import change_profile
from iluvatar_bench.records import Trial
from iluvatar_bench.records.frames import trials_frame
from iluvatar_bench.runs.runner import Sink, Stop, run_trials
from iluvatar_bench.runs.testbed import Testbed
from iluvatar_bench.stats import Decision, Rate, Sprt, at_risk
from iluvatar_bench.studies.ddmin import Changes, most_probes

CAUTION = 0.5
"""A probe looks for this share of the failing profile's lowest plausible rate: rates swing between
profiles, for classes compete."""

CLEAN_SHARE = 0.02
"""What still counts as gone, as a share of the rate looked for: a stray failure decides nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One question and its answer: is the class gone with these factors changed?

    ``failures`` of ``trials`` at risk; ``ran`` counts all trials that the probe took.
    """

    changed: tuple[str, ...]
    failures: int
    trials: int
    ran: int
    decision: Decision

    @property
    def gone(self) -> bool:
        """Whether the class was shown to be gone; a test without an answer shows nothing."""
        return self.decision is Decision.LOW


class Stopped(Exception):
    """The search was asked to stop."""


@dataclass(slots=True)
class _InOrder:
    """Failures and trials at risk, counted in the order in which trials began.

    Trials that fail end early; deciding in the order of ends would see too many of them.
    """

    bug_class: BugClass
    next_index: int
    waiting: dict[int, Trial] = field(default_factory=dict)
    failures: int = 0
    trials: int = 0

    def add(self, trial: Trial) -> Iterator[None]:
        """Take a trial that ended; yields once for each trial that can be counted now."""
        self.waiting[trial.trial] = trial
        while (ready := self.waiting.pop(self.next_index, None)) is not None:
            self.next_index += 1
            self.trials += len(at_risk(trials_frame([ready]), self.bug_class))
            self.failures += ready.bug_class == self.bug_class
            yield


@dataclass(slots=True)
class Prober:
    """Runs the trials of one probe after another in an open testbed."""

    testbed: Testbed
    failing: Profile
    clean: Profile
    bug_class: BugClass
    function: str
    concurrency: int
    seed: int
    sinks: tuple[Sink, ...]
    stop: Stop | None
    probes: list[Probe] = field(default_factory=list)
    begun: int = 0

    async def ask(self, changed: Changes, test: Sprt | None, most: int) -> Probe:
        """Run trials with these factors changed until the test decides, or ``most`` of them."""
        names = tuple(n for n in self.clean.factors if n in changed)
        levels = {name: self.clean.factors[name] for name in names}
        profile = change_profile(self.failing, levels, name="+".join(names) or self.failing.name)
        setting = self.testbed.setting(profile, self.function)
        counted = _InOrder(self.bug_class, self.begun)
        first, decision = self.begun, Decision.GO_ON
        plan = cold_start(
            trials=most,
            concurrency=self.concurrency,
            seed=self.seed + first,
            function=self.function,
        )

        def planned() -> Iterator[tuple[Any, PlannedTrial]]:
            for trial in plan.trials:
                if decision is not Decision.GO_ON:
                    return
                index, self.begun = self.begun, self.begun + 1
                yield (
                    setting,
                    PlannedTrial(index, trial.function, trial.hold_ms, trial.invocations),
                )

        def count(trial: Trial) -> None:
            nonlocal decision
            for _ in counted.add(trial):
                if test is not None and decision is Decision.GO_ON:
                    decision = test.decide(counted.failures, counted.trials)

        await run_trials(
            planned(), concurrency=self.concurrency, sinks=(*self.sinks, count), stop=self.stop
        )
        if self.testbed.daemon.lost or (self.stop is not None and self.stop.is_set()):
            raise Stopped
        # Trials that never entered the class's step count for nothing, so `most` may run out.
        decided = Decision.EXHAUSTED if decision is Decision.GO_ON else decision
        probe = Probe(
            changed=names,
            failures=counted.failures,
            trials=counted.trials,
            ran=self.begun - first,
            decision=decided,
        )
        self.probes.append(probe)
        return probe


def probe_test(seen: Rate, differing: int, alpha: float) -> Sprt:
    """The sequential test of one probe, for a class that was seen at this rate.

    Its errors are ``alpha`` over the most probes that a search may ask for (Bonferroni), the check
    of the clean side included.
    """
    error = alpha / (most_probes(differing) + 1)
    high = min(0.5, CAUTION * seen.low)
    without_failure = math.log(error) / math.log1p(-high)
    return Sprt(
        low_rate=CLEAN_SHARE * high,
        high_rate=high,
        alpha=error / 2,
        beta=error / 2,
        max_trials=math.ceil(3 * without_failure),
    )
