"""How many trials it takes: to see a difference, to trust a zero, to pin a rate down.

"Forty trials, no failure: fixed?" depends on how often the bug came before. These functions
answer before the trials are run.
"""

from __future__ import annotations

import math
import operator
import sys

import numpy as np
import scipy
from numpy.typing import NDArray

from iluvatar_bench.stats._checks import check_confidence, check_probability

# Two tables count as equally probable within this, as in R's fisher.test.
_TIE = 1 + 1e-7
# Numbers of failures less probable than this are left out: power is exact to about 1e-10.
_NEGLIGIBLE = 1e-13


def fisher_power(
    baseline_rate: float,
    baseline_trials: int,
    candidate_rate: float,
    candidate_trials: int,
    *,
    alpha: float = 0.05,
) -> float:
    """The probability that Fisher's two-sided exact test sees the difference of two true rates.

    The sum of P(x) P(y) over all pairs of binomial counts whose table has p <= alpha, hence
    exact: no normal approximation, no simulation. With equal rates it is the true size of the
    test, which lies below alpha, often far below (the price of validity at small counts).

    Edges: 0 trials on a side give 0.

    Args:
        baseline_rate: true failure rate, 0 to 1.
        baseline_trials: trials of the baseline.
        candidate_rate: true failure rate, 0 to 1.
        candidate_trials: trials of the candidate.
        alpha: threshold of the test, in (0, 1).

    Raises:
        TypeError: trials are no integers.
        ValueError: a rate outside 0..1, negative trials, alpha not in (0, 1).
    """
    check_probability("baseline_rate", baseline_rate)
    check_probability("candidate_rate", candidate_rate)
    _check_alpha(alpha)
    n_b, n_c = operator.index(baseline_trials), operator.index(candidate_trials)
    if min(n_b, n_c) < 0:
        raise ValueError(f"trials must not be negative, not {n_b} and {n_c}")
    if min(n_b, n_c) == 0:
        return 0.0
    all_b, all_c = np.arange(n_b + 1), np.arange(n_c + 1)
    # Not pmf itself: scipy's overflows at rates near 1e-308.
    x_b = np.exp(scipy.stats.binom.logpmf(all_b, n_b, baseline_rate))
    x_c = np.exp(scipy.stats.binom.logpmf(all_c, n_c, candidate_rate))
    # Given their sum, two counts with one common rate are hypergeometric whatever that rate is.
    # Taken from these logarithms it is a hundred times as fast as scipy's hypergeom.
    equal_b = scipy.stats.binom.logpmf(all_b, n_b, 0.5)
    equal_c = scipy.stats.binom.logpmf(all_c, n_c, 0.5)
    power = 0.0
    for failed in np.flatnonzero(np.convolve(x_b, x_c) > _NEGLIGIBLE).tolist():
        # The tables with this many failures in total: all that the test compares with.
        b = _probable_counts(n_b, n_c, failed)
        log_weights = equal_b[b] + equal_c[failed - b]
        weights = np.exp(log_weights - log_weights.max())
        # Three against three have p = 1/10 exactly, which rounding must not put above 0.1.
        rejected = _fisher_p_values(weights / weights.sum()) <= alpha * _TIE
        power += float((x_b[b] * x_c[failed - b])[rejected].sum())
    return min(1.0, power)


def trials_to_see_difference(
    baseline_rate: float,
    candidate_rate: float,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    max_trials: int = 2_000,
) -> int:
    """The smallest number of trials *per side* at which :func:`fisher_power` reaches ``power``.

    Exact power rises in saw-teeth with the number of trials, so a slightly larger number may
    fall just short again. The search starts somewhat below the uncorrected normal
    approximation (Fleiss, Statistical Methods for Rates and Proportions, 1981, section 3.2),
    which Fisher's test, being conservative, does not undercut.
    It takes a second or two near 2,000 trials.

    Raises:
        ValueError: equal rates, a rate outside 0..1, power or alpha not in (0, 1), or more than
            ``max_trials`` a side needed.
    """
    check_probability("baseline_rate", baseline_rate)
    check_probability("candidate_rate", candidate_rate)
    _check_alpha(alpha)
    if not 0 < power < 1:
        raise ValueError(f"power must lie between 0 and 1, not {power}")
    if baseline_rate == candidate_rate:
        raise ValueError("no number of trials sees a difference between equal rates")
    approximate = _approximate_trials(baseline_rate, candidate_rate, power, alpha)
    first = 1 if approximate < 60 else int(0.95 * approximate)
    for trials in range(first, max_trials + 1):
        reached = fisher_power(baseline_rate, trials, candidate_rate, trials, alpha=alpha)
        if reached >= power:
            return trials
    raise ValueError(
        f"more than {max_trials} trials a side are needed for {baseline_rate} against "
        f"{candidate_rate}; raise max_trials if you have the time"
    )


def trials_to_exclude_rate(failure_rate: float, *, confidence: float = 0.95) -> int:
    """How many trials, all without a failure, put the failure rate below ``failure_rate``.

    The smallest n with (1 - p)^n <= 1 - confidence, that is ln(1 - confidence) / ln(1 - p)
    rounded up; about 3 / p at 95 % (the rule of three, turned around). Also the sample size of
    "is the fix real" for a bug that came at rate p: had nothing changed, n trials without a
    failure would have had a probability of at most 1 - confidence.

    Edges: a rate of 1 needs 1 trial.

    Raises:
        ValueError: failure_rate not in (0, 1], confidence not in (0, 1).
    """
    if not 0 < failure_rate <= 1:
        raise ValueError(f"failure_rate must lie above 0 and up to 1, not {failure_rate}")
    check_confidence(confidence)
    if failure_rate == 1:
        return 1
    exact = math.log1p(-confidence) / math.log1p(-failure_rate)
    # log(0.05) / log(0.05) may come out as 1 + 1e-16 and must stay 1. What two logarithms and a
    # division lose is no more; a wider margin takes one from billions that are just above a whole.
    return max(1, math.ceil(exact * (1 - 4 * sys.float_info.epsilon)))


def trials_for_half_width(
    expected_rate: float, half_width: float, *, confidence: float = 0.95
) -> int:
    """How many trials give a Wilson interval of ``half_width`` if the rate is as expected.

    Solves the interval's length for n, with expected_rate * n as the (fractional) count.
    0.5 is the worst case.

    Raises:
        ValueError: expected_rate outside 0..1, half_width not in (0, 0.5), confidence not in
            (0, 1).
    """
    check_probability("expected_rate", expected_rate)
    check_confidence(confidence)
    if not 0 < half_width < 0.5:
        raise ValueError(f"half_width must lie between 0 and 0.5, not {half_width}")

    z = float(scipy.stats.norm.isf((1 - confidence) / 2))
    variance = expected_rate * (1 - expected_rate)

    def excess(trials: float) -> float:
        spread = z * math.sqrt(variance / trials + (z / trials) ** 2 / 4)
        return spread / (1 + z**2 / trials) - half_width

    enough = 1.0
    while excess(enough) > 0:
        enough *= 2
    if enough == 1.0:
        return 1
    return math.ceil(float(scipy.optimize.brentq(excess, enough / 2, enough)) - 1e-9)


def _approximate_trials(baseline: float, candidate: float, power: float, alpha: float) -> float:
    pooled = (baseline + candidate) / 2
    spread_if_equal = math.sqrt(2 * pooled * (1 - pooled))
    spread = math.sqrt(baseline * (1 - baseline) + candidate * (1 - candidate))
    needed = (
        scipy.stats.norm.isf(alpha / 2) * spread_if_equal + scipy.stats.norm.ppf(power) * spread
    )
    return float(needed / (candidate - baseline)) ** 2


def _probable_counts(n_b: int, n_c: int, failed: int) -> NDArray[np.int64]:
    """The baseline's possible counts, without those beyond 12 standard deviations.

    What is cut off weighs less than 1e-15, which no p-value near an alpha can feel, and it
    makes a thousand trials a side affordable.
    """
    total = n_b + n_c
    middle = failed * n_b / total
    variance = middle * (n_c / total) * (total - failed) / (total - 1)
    reach = 12 * math.sqrt(variance) + 12
    lowest = max(0, failed - n_c, math.floor(middle - reach))
    highest = min(n_b, failed, math.ceil(middle + reach))
    return np.arange(lowest, highest + 1)


def _fisher_p_values(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two-sided p of every table with the same margins: all that are no more probable, summed."""
    ascending = np.sort(probability)
    no_more_probable = np.searchsorted(ascending, probability * _TIE, side="right")
    p_values: NDArray[np.float64] = np.cumsum(ascending)[no_more_probable - 1]
    return p_values


def _check_alpha(alpha: float) -> None:
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, not {alpha}")
