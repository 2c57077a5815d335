"""What groups of trials (runs, days) can show, and how many more a smaller difference takes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import scipy
from numpy.typing import NDArray

from iluvatar_bench.stats.block_power import rarest_rate, smallest_number

_MOST_GROUPS = 10_000


def fewest_groups(alpha: float) -> int:
    """How many groups a side the exact permutation needs to reach ``alpha`` at all: 4 for 0.05.

    Raises:
        ValueError: alpha not in (0, 1).
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, not {alpha}")
    return next(n for n in range(1, _MOST_GROUPS) if 2 / math.comb(2 * n, n) <= alpha)


def visible_group_difference(
    baseline: Sequence[float] | NDArray[np.float64],
    candidate: Sequence[float] | NDArray[np.float64],
    *,
    trials: int,
    groups: int | None = None,
    power: float = 0.9,
    alpha: float = 0.05,
) -> float:
    """The smallest difference of mean rates that such groups show with probability ``power``.

    With s the pooled standard deviation of the rates within a side and n and m groups it is
    s sqrt(1/n + 1/m) times the sum of Student's quantiles of 1 - alpha/2 and of the power, with
    n + m - 2 degrees of freedom: an approximation of the power of the exact permutation (simulated
    in the tests). It cannot be smaller than what is possible at all: if one side never fails, j
    groups of the other must, where 2 C(m, j)/C(n + m, j) <= alpha.

    Args:
        baseline: shape (n,), the rate of each group that was seen.
        candidate: shape (m,), likewise.
        trials: of a group, at least.
        groups: how many are planned a side; None: as many as were seen.
        power: the probability of showing it.
        alpha: of the two-sided test.

    Returns:
        A difference of rates; inf where so few groups can show none, or fewer than two were seen.

    Raises:
        ValueError: a rate outside 0..1, or power or alpha not in (0, 1).
    """
    one, other = (np.asarray(rates, dtype=np.float64) for rates in (baseline, candidate))
    if not all(((rates >= 0) & (rates <= 1)).all() for rates in (one, other)):
        raise ValueError("rates must lie in 0..1")
    if not (0 < power < 1 and 0 < alpha < 1):
        raise ValueError(f"power and alpha must lie between 0 and 1, not {power} and {alpha}")
    if min(len(one), len(other)) < 2:
        return math.inf
    n, m = (len(one), len(other)) if groups is None else (groups, groups)
    needed = _groups_that_fail(n, m, alpha)
    if needed is None:
        return math.inf
    seen = len(one) + len(other) - 2
    squares = ((one - one.mean()) ** 2).sum() + ((other - other.mean()) ** 2).sum()
    spread = math.sqrt(float(squares) / seen)
    free = n + m - 2
    quantiles = scipy.stats.t.isf(alpha / 2, free) + scipy.stats.t.ppf(power, free)
    difference = float(quantiles) * spread * math.sqrt(1 / n + 1 / m)
    difference = max(difference, rarest_rate(m, needed, trials, power))
    return difference if difference <= 1 else math.inf


def groups_to_see(
    baseline: Sequence[float] | NDArray[np.float64],
    candidate: Sequence[float] | NDArray[np.float64],
    difference: float,
    *,
    trials: int,
    power: float = 0.9,
    alpha: float = 0.05,
) -> int:
    """How many such groups a side show ``difference`` with probability ``power``.

    Raises:
        ValueError: a difference outside (0, 1], one that no number of groups shows, fewer than two
            groups on a side, or as :func:`visible_group_difference`.
    """
    if not 0 < difference <= 1:
        raise ValueError(f"difference must lie above 0 and up to 1, not {difference}")
    if min(len(baseline), len(candidate)) < 2:
        raise ValueError("one group tells nothing of how groups differ")

    def enough(groups: int) -> bool:
        seen = visible_group_difference(
            baseline, candidate, trials=trials, groups=groups, power=power, alpha=alpha
        )
        return seen <= difference

    return smallest_number(enough, most=_MOST_GROUPS, what="groups a side")


def group_power(
    baseline: Sequence[float] | NDArray[np.float64],
    candidate: Sequence[float] | NDArray[np.float64],
    *,
    trials: int,
    alpha: float,
    what: str,
    power: float = 0.9,
) -> str:
    """What these groups could have shown and what a smaller difference takes, as a clause.

    ``what`` is what a group is called (``run``, ``day``). The smaller difference is ten points, or
    half of what can be seen already.
    """
    least = fewest_groups(alpha)
    if min(len(baseline), len(candidate)) < 2:
        return f"one {what} of a side shows none: it takes {least} a side and more"
    seen = visible_group_difference(baseline, candidate, trials=trials, alpha=alpha, power=power)
    percent = 100 * power
    told = (
        f"so few {what}s show none with {percent:.0f} %"
        if math.isinf(seen)
        else f"these {what}s show {100 * seen:.0f} points with {percent:.0f} %"
    )
    smaller = 0.1 if math.isinf(seen) or seen > 0.1 else seen / 2
    groups = groups_to_see(baseline, candidate, smaller, trials=trials, alpha=alpha, power=power)
    return f"{told}; {100 * smaller:.2g} points take {groups} {what}s a side"


def _groups_that_fail(n: int, m: int, alpha: float) -> int | None:
    """Of m groups, how many must hold a failure, if none of n others does; None: no number will do.

    Of all ways to share n + m groups out, those with all j on this side are C(m, j)/C(n + m, j).
    """
    return next(
        (j for j in range(1, m + 1) if 2 * math.comb(m, j) / math.comb(n + m, j) <= alpha), None
    )
