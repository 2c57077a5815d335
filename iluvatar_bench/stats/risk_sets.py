"""Failures against those that were at risk with them: does what preceded make a difference?

Trials that fail end early, so whoever asks "did it ever see a Kill?" finds that the good ones saw
more of them. Here each failure is compared at its own moment with the trials that had come as far
in the same step, and were still in it: its risk set. That is the conditional likelihood of matched
case-control studies, or of Cox's model with covariates that change in time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from iluvatar_bench.stats._checks import check_confidence

_MOST_RATIO = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedEffect:
    """What the risk sets say of one exposure; made by :func:`matched_effect`.

    ``exposed`` of ``failures`` had it, ``expected`` would have if it made no difference.
    ``p_value`` is one-sided (more than expected) and exact. ``ratio_at_least`` is the lower bound
    of the hazard with it over that without, and ``explained_at_least`` the share of the failures
    that then would not have come without it: exposed/failures (1 - 1/ratio), 0 where the bound
    of the ratio is below 1.
    """

    failures: int
    exposed: int
    expected: float
    p_value: float
    ratio_at_least: float
    explained_at_least: float


def matched_effect(
    exposed: Sequence[bool] | NDArray[np.bool_],
    exposed_members: Sequence[int] | NDArray[np.int64],
    members: Sequence[int] | NDArray[np.int64],
    *,
    confidence: float = 0.95,
) -> MatchedEffect:
    """Compare K failures with their risk sets, each of which holds its failure.

    If the hazard with the exposure is r times that without, the one of a set's n members that
    fails has it with the probability r m/(r m + n - m), m being how many of them have it (Cox,
    Biometrika 62, 1975; with r = 1: m/n). Over sets the number of exposed failures is a sum of
    independent Bernoulli variables, whose distribution is counted and not approximated; p is its
    upper tail at r = 1, and the bound of r is where that tail is 1 - ``confidence``.

    Edges: sets in which all or none have it say nothing of r. Without any other p is 1, the bound
    of the ratio 0.

    Args:
        exposed: shape (K,), whether the failure had it.
        exposed_members: shape (K,), how many members of the set had it, the failure included.
        members: shape (K,), how many members the set has, the failure included.
        confidence: of the one-sided bound.

    Raises:
        ValueError: shapes that differ, counts that contradict each other, confidence not in (0, 1).
    """
    check_confidence(confidence)
    had = np.asarray(exposed, dtype=np.bool_)
    m, n = (np.asarray(v, dtype=np.int64) for v in (exposed_members, members))
    if not had.shape == m.shape == n.shape or had.ndim != 1:
        raise ValueError("exposed, exposed_members and members must have one shape (K,)")
    if (m < had).any() or (m > n - ~had).any():
        raise ValueError("a set has its failure among its members, with what it had")
    count, speaks = int(had.sum()), (m > 0) & (m < n)
    speaking, m, n = int((had & speaks).sum()), m[speaks], n[speaks]

    def tail(ratio: float) -> float:
        return _upper_tail(ratio * m / (ratio * m + n - m), speaking)

    bound = _bound(tail, speaking, 1 - confidence)
    share = max(0.0, 1 - 1 / bound) if bound > 0 else 0.0
    return MatchedEffect(
        failures=len(had),
        exposed=count,
        expected=count - speaking + float((m / n).sum()),
        p_value=tail(1.0),
        ratio_at_least=bound,
        explained_at_least=count / len(had) * share if len(had) else 0.0,
    )


def _upper_tail(chances: NDArray[np.float64], least: int) -> float:
    """The probability that at least ``least`` of independent events of such chances happen."""
    probability = np.ones(1)
    for chance in chances.tolist():
        probability = np.convolve(probability, (1 - chance, chance))
    return min(1.0, float(probability[least:].sum()))


def _bound(tail: Callable[[float], float], speaking: int, error: float) -> float:
    """The smallest ratio at which so many exposed failures are not too many."""
    if speaking == 0:
        return 0.0

    def excess(log_ratio: float) -> float:
        return tail(float(np.exp(log_ratio))) - error

    reach = float(np.log(_MOST_RATIO))
    if excess(reach) < 0:
        return _MOST_RATIO
    return float(np.exp(scipy.optimize.brentq(excess, -reach, reach)))
