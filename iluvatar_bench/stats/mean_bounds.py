"""How large a difference is, with bounds that hold at every look.

For the mean of bounded values the bets need no symmetry, no constant variance and no independence:
only that, given the past, the mean is what the hypothesis says it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import scipy
from numpy.typing import NDArray

from iluvatar_bench.stats._checks import check_confidence
from iluvatar_bench.stats.sign_flips import checked_shares

FRACTIONS = (0.2, 0.5, 0.8, 0.99)
"""Which share of the capital is staked; never all of it, or one block could end the game."""

_LOWEST = 1e-9
_LARGEST_LOG = 700.0  # above it exp() overflows


def mean_evidence(
    shares: Sequence[float] | NDArray[np.float64], *, at_most: float
) -> NDArray[np.float64]:
    """Evidence against "in no block is the expected difference above ``at_most``".

    With X = (1 + difference)/2 and m = (1 + at_most)/2, a stake c makes 1 - c + c X/m of every
    unit, whose expectation is at most 1 under the hypothesis, given the past (Waudby-Smith and
    Ramdas, JRSS B 86, 2024, section 4). The mean over :data:`FRACTIONS` of the products is a
    supermartingale, so it ever reaches 1/alpha with a chance of at most alpha (Ville, 1939).

    Args:
        shares: shape (K,), in -1..1.
        at_most: the hypothesis, above -1 and at most 1.

    Returns:
        Shape (K + 1,): the evidence before the first block, which is 1, and after each.

    Raises:
        ValueError: a number is out of its range.
    """
    if not -1 < at_most <= 1:
        raise ValueError(f"at_most must lie above -1 and up to 1, not {at_most}")
    return _evidence((1 + checked_shares(shares)) / 2, (1 + at_most) / 2)


def mean_bounds(
    shares: Sequence[float] | NDArray[np.float64], *, confidence: float = 0.95
) -> tuple[float, float]:
    """Bounds of the expected difference: a confidence sequence, to be looked at at any time.

    Each bound has half of the error: the lower one is the largest ``at_most`` that
    :func:`mean_evidence` refutes at (1 - confidence)/2, the upper one likewise with the signs
    turned. Where the expected difference changes from block to block, the lower bound says that in
    some block it was above, the upper one that in some block it was below.

    They are wider than bounds for a number of blocks fixed beforehand: that is the price of
    looking. Without a block they are -1 and 1.

    Raises:
        ValueError: a share outside -1..1, or confidence not in (0, 1).
    """
    check_confidence(confidence)
    values = (1 + checked_shares(shares)) / 2
    needed = 2 / (1 - confidence)
    return 2 * _lower(values, needed) - 1, 1 - 2 * _lower(1 - values, needed)


def _evidence(values: NDArray[np.float64], mean: float) -> NDArray[np.float64]:
    return np.exp(np.minimum(_log_evidence(values, mean), _LARGEST_LOG))


def _log_evidence(values: NDArray[np.float64], mean: float) -> NDArray[np.float64]:
    stakes = np.asarray(FRACTIONS)[:, None]
    capital = np.cumsum(np.log(1 - stakes + stakes * values / mean), axis=1)
    return np.concatenate(([0.0], scipy.special.logsumexp(capital, axis=0) - np.log(len(stakes))))


def _lower(values: NDArray[np.float64], needed: float) -> float:
    """The largest mean that is refuted; the evidence falls as the mean rises."""

    def excess(mean: float) -> float:
        # The best moment so far: what was refuted once stays refuted.
        return float(_log_evidence(values, mean).max()) - math.log(needed)

    if excess(_LOWEST) < 0:
        return 0.0
    if excess(1.0) >= 0:
        return 1.0
    return float(scipy.optimize.brentq(excess, _LOWEST, 1.0, xtol=1e-6))
