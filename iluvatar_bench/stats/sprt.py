"""Wald's sequential test between two rates: the fewest trials for a decision with known errors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from iluvatar_bench.stats._checks import check_counts, check_probability
from iluvatar_bench.stats.stopping import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class SprtCharacteristics:
    """What a test does at one true rate; made by :meth:`Sprt.characteristics`."""

    true_rate: float
    p_low: float
    p_high: float
    p_exhausted: float
    expected_trials: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sprt:
    """Decides between ``low_rate`` and ``high_rate`` (Wald, Sequential Analysis, 1947).

    After n trials with k failures the log likelihood ratio is::

        k ln(p1/p0) + (n - k) ln((1 - p1)/(1 - p0)),   p0 = low_rate, p1 = high_rate

    HIGH is accepted from ln((1 - beta)/alpha) up, LOW from ln(beta/(1 - alpha)) down. ``alpha``
    is the probability of HIGH although the rate is low, ``beta`` of LOW although it is high.
    Wald's bounds hold whatever the overshoot: the true errors a, b satisfy
    a <= alpha/(1 - beta), b <= beta/(1 - alpha) and a + b <= alpha + beta.
    :meth:`characteristics` gives them exactly. Between the two rates either answer may come,
    and it takes longest there; ``max_trials`` cuts that off.

    With ``low_rate`` 0 ("the fix holds") a single failure decides for HIGH.

    Raises:
        ValueError: not 0 <= low_rate < high_rate < 1, alpha or beta not above 0 or their sum
            not below 1, max_trials < 1.
    """

    low_rate: float
    high_rate: float
    max_trials: int
    alpha: float = 0.05
    beta: float = 0.05

    def __post_init__(self) -> None:
        if not 0 <= self.low_rate < self.high_rate < 1:
            raise ValueError(
                "the rates must satisfy 0 <= low < high < 1, not "
                f"{self.low_rate} and {self.high_rate}"
            )
        if not (self.alpha > 0 and self.beta > 0 and self.alpha + self.beta < 1):
            raise ValueError(
                f"alpha and beta must be above 0 and add up to less than 1, not {self.alpha} "
                f"and {self.beta}"
            )
        if self.max_trials < 1:
            raise ValueError(f"max_trials must be at least 1, not {self.max_trials}")

    @property
    def lower_bound(self) -> float:
        """The log likelihood ratio at or below which LOW is accepted; negative."""
        return math.log(self.beta / (1 - self.alpha))

    @property
    def upper_bound(self) -> float:
        """The log likelihood ratio at or above which HIGH is accepted; positive."""
        return math.log((1 - self.beta) / self.alpha)

    def log_likelihood_ratio(self, failures: int, trials: int) -> float:
        """Evidence for the high rate against the low one; inf if the low one is impossible.

        Raises:
            TypeError: a count is not an integer.
            ValueError: failures outside 0 to trials.
        """
        failures, trials = check_counts(failures, trials)
        if failures and self.low_rate == 0:
            return math.inf
        of_failures = failures * math.log(self.high_rate / self.low_rate) if failures else 0.0
        of_successes = (trials - failures) * (
            math.log1p(-self.high_rate) - math.log1p(-self.low_rate)
        )
        return of_failures + of_successes

    def decide(self, failures: int, trials: int) -> Decision:
        """LOW, HIGH, EXHAUSTED or GO_ON.

        Raises:
            TypeError: a count is not an integer.
            ValueError: failures outside 0 to trials.
        """
        evidence = self.log_likelihood_ratio(failures, trials)
        if evidence >= self.upper_bound:
            return Decision.HIGH
        if evidence <= self.lower_bound:
            return Decision.LOW
        return Decision.EXHAUSTED if trials >= self.max_trials else Decision.GO_ON

    def trials_to_low(self, failures: int) -> int | None:
        """In how many trials in all LOW is accepted if these failures are the last; None: in none.

        ``max_trials`` is not asked.

        Raises:
            TypeError: not an integer.
            ValueError: a negative number.
        """
        failures, _ = check_counts(failures, failures)
        if failures and self.low_rate == 0:
            return None
        against = failures * math.log(self.high_rate / self.low_rate) if failures else 0.0
        each = math.log1p(-self.low_rate) - math.log1p(-self.high_rate)
        return failures + math.ceil((against - self.lower_bound) / each * (1 - 1e-12))

    def characteristics(self, true_rate: float) -> SprtCharacteristics:
        """What the test would do if the rate were ``true_rate``: exact, no simulation.

        Steps the distribution of the failure count trial by trial, and takes out what has
        decided (a forward recursion over at most ``max_trials`` x ``max_trials`` states).

        Raises:
            ValueError: true_rate outside 0..1.
        """
        check_probability("true_rate", true_rate)
        chance = {Decision.LOW: 0.0, Decision.HIGH: 0.0, Decision.EXHAUSTED: 0.0}
        expected = 0.0
        undecided = np.ones(1)
        for trials in range(1, self.max_trials + 1):
            expected += float(undecided.sum())
            undecided = np.convolve(undecided, (1 - true_rate, true_rate))
            for failures in np.flatnonzero(undecided):
                decision = self.decide(int(failures), trials)
                if decision is not Decision.GO_ON:
                    chance[decision] += float(undecided[failures])
                    undecided[failures] = 0.0
        return SprtCharacteristics(
            true_rate=true_rate,
            p_low=chance[Decision.LOW],
            p_high=chance[Decision.HIGH],
            p_exhausted=chance[Decision.EXHAUSTED],
            expected_trials=expected,
        )
