"""Two rates against each other: how far apart, and whether chance alone explains it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import scipy

from iluvatar_bench.stats.rates import Rate, rate


@dataclass(frozen=True, slots=True, kw_only=True)
class RateDifference:
    """``candidate`` minus ``baseline``, so that a positive ``estimate`` means more failures.

    ``low`` and ``high`` bound the difference of the rates; ``p_value`` is Fisher's, two-sided.
    The interval and the test are different methods, so near the threshold one may exclude "no
    difference" where the other does not.
    """

    baseline: Rate
    candidate: Rate
    estimate: float
    low: float
    high: float
    p_value: float
    confidence: float


def rate_difference(
    baseline_count: int,
    baseline_total: int,
    candidate_count: int,
    candidate_total: int,
    *,
    confidence: float = 0.95,
) -> RateDifference:
    """The difference of two independent rates, with interval and exact test.

    The interval is Newcombe's hybrid score interval without continuity correction (Statistics
    in Medicine 17, 1998, 873-890, method 10): with the Wilson bounds (l, u) of each rate p::

        low  = d - sqrt((p_c - l_c)² + (u_b - p_b)²),   d = p_c - p_b
        high = d + sqrt((u_c - p_c)² + (p_b - l_b)²)

    It does not collapse at 0 of n against 0 of m. The p-value is that of Fisher's exact test
    (The Design of Experiments, 1935): the probability, under one common rate and with the
    margins fixed, of all tables no more probable than the one seen. It is valid for the
    smallest counts and conservative. Bounds and test come from scipy.

    Edges: if either total is 0, the estimate is NaN, the interval [-1, 1] and p is 1; if
    nothing or everything failed in both, p is 1.

    Raises:
        TypeError: a count or total is not an integer.
        ValueError: a count outside 0 to its total, or confidence not in (0, 1).
    """
    baseline = rate(baseline_count, baseline_total, confidence=confidence)
    candidate = rate(candidate_count, candidate_total, confidence=confidence)
    estimate, low, high, p_value = math.nan, -1.0, 1.0, 1.0
    if baseline.total > 0 and candidate.total > 0:
        estimate = candidate.estimate - baseline.estimate
        # By hypot: two margins of 1e-200 must not vanish when squared.
        low = max(-1.0, estimate - math.hypot(_below(candidate), _above(baseline)))
        high = min(1.0, estimate + math.hypot(_above(candidate), _below(baseline)))
        table = [[side.count, side.total - side.count] for side in (candidate, baseline)]
        # Rounding can leave 1 + 1e-16.
        p_value = min(1.0, float(scipy.stats.fisher_exact(table).pvalue))
    return RateDifference(
        baseline=baseline,
        candidate=candidate,
        estimate=estimate,
        low=low,
        high=high,
        p_value=p_value,
        confidence=confidence,
    )


def _below(value: Rate) -> float:
    return value.estimate - value.low


def _above(value: Rate) -> float:
    return value.high - value.estimate
