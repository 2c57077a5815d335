"""What repeated rounds say of a mean or a ratio: the round is the unit, and is drawn anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

FEWEST_ROUNDS = 3
"""Of fewer there is no interval worth the name."""

_DRAWS = 9999


@dataclass(frozen=True, slots=True, kw_only=True)
class OverRounds:
    """An estimate over ``rounds`` and its 95 % bootstrap interval (percentiles); NaN with fewer
    than :data:`FEWEST_ROUNDS`."""

    estimate: float
    low: float
    high: float
    rounds: int


def mean_over_rounds(values: Sequence[float] | NDArray[np.float64], *, seed: int = 1) -> OverRounds:
    """The mean of one value a round.

    Args:
        values: shape (rounds,), finite.
        seed: of the draws.

    Raises:
        ValueError: no value, one that is not finite, or another shape.
    """
    given = np.asarray(values, dtype=np.float64)
    if given.ndim != 1 or len(given) == 0 or not np.isfinite(given).all():
        raise ValueError("a mean over rounds takes one finite value a round, and at least one")
    low = high = float("nan")
    if len(given) >= FEWEST_ROUNDS:
        found = scipy.stats.bootstrap(
            (given,), np.mean, n_resamples=_DRAWS, method="percentile", rng=seed
        )
        low, high = map(float, found.confidence_interval)
    return OverRounds(estimate=float(given.mean()), low=low, high=high, rounds=len(given))


def ratio_over_rounds(
    numerators: Sequence[float] | NDArray[np.float64],
    denominators: Sequence[float] | NDArray[np.float64],
    *,
    seed: int = 1,
) -> OverRounds:
    """The geometric mean of ratios within rounds: what a whole round is slow by cancels out.

    Args:
        numerators: shape (rounds,), or (rounds, settings) for one ratio over several settings.
        denominators: the same shape.
        seed: of the draws.

    Raises:
        ValueError: shapes that differ, or a value that is not positive and finite.
    """
    above = np.asarray(numerators, dtype=np.float64)
    below = np.asarray(denominators, dtype=np.float64)
    if above.shape != below.shape or above.ndim not in (1, 2):
        raise ValueError(f"ratios need two shapes that are equal, not {above.shape}, {below.shape}")
    if not (np.isfinite(above) & np.isfinite(below) & (above > 0) & (below > 0)).all():
        raise ValueError("ratios are of positive, finite values")
    logs = (np.log(above) - np.log(below)).reshape(len(above), -1).mean(axis=1)
    found = mean_over_rounds(logs, seed=seed)
    return OverRounds(
        estimate=float(np.exp(found.estimate)),
        low=float(np.exp(found.low)),
        high=float(np.exp(found.high)),
        rounds=found.rounds,
    )
