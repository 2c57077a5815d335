"""How much less dependent trials say than independent ones: the design effect, and an interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def design_effect(
    counts: Sequence[float] | NDArray[np.float64], sizes: Sequence[float] | NDArray[np.float64]
) -> float:
    """How many times as large the variance of a rate is as with independent trials.

    The trials come in groups (runs, days) that differ. The variance of the ratio sum(x)/sum(n) is
    estimated from the groups (Cochran, Sampling Techniques, 1977, section 6.3):
    G/(G - 1) sum (x - p n)² / (sum n)²; the effect is that over p(1 - p)/sum(n), maybe below 1.

    Args:
        counts: shape (G,), to how many trials of each group something happened.
        sizes: shape (G,), how many trials each group has.

    Returns:
        NaN where nothing or everything happened, or there is one group.
    """
    x, n = (np.asarray(values, dtype=np.float64) for values in (counts, sizes))
    groups, total = len(x), float(n.sum())
    rate = float(x.sum()) / total
    if groups < 2 or not 0 < rate < 1:
        return math.nan
    variance = groups / (groups - 1) * float(((x - rate * n) ** 2).sum()) / total**2
    return variance * total / (rate * (1 - rate))


def widened_wilson(
    count: float, total: float, effect: float, quantile: float
) -> tuple[float, float]:
    """Wilson's interval of count/effect in total/effect; 0..1 without trials.

    Rao and Scott (Biometrics 48, 1992): counts that are divided by the design effect behave like
    those of independent trials.
    """
    if total == 0:
        return 0.0, 1.0
    n, p = total / effect, count / total
    middle = p + quantile**2 / (2 * n)
    reach = quantile * math.sqrt(p * (1 - p) / n + quantile**2 / (4 * n**2))
    scale = 1 + quantile**2 / n
    low = 0.0 if count == 0 else (middle - reach) / scale
    high = 1.0 if count == total else (middle + reach) / scale
    return low, high
