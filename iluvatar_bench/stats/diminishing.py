"""From where on more does not help: the smallest setting that gives nearly the most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from iluvatar_bench.stats._checks import check_confidence

ENOUGH = 0.95
"""Of the largest mean rate: what comes so near to it is not worth a larger setting."""


@dataclass(frozen=True, slots=True)
class Knee:
    """``setting`` is the knee, ``low`` and ``high`` its bootstrap interval: all are settings."""

    setting: int
    low: int
    high: int


def knee(
    rates: Mapping[int, Sequence[float]],
    *,
    enough: float = ENOUGH,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 1,
) -> Knee:
    """The smallest setting whose mean rate is at least ``enough`` of the largest mean rate.

    Args:
        rates: for each setting its rate in each round; all settings have the same rounds, which
            are resampled together, because what a round suffers all of its settings do (percentile
            bootstrap; Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13).
        enough: a share above 0 and up to 1.
        confidence: of the interval.
        resamples: how many rounds are drawn anew.
        seed: of the draws.

    Raises:
        ValueError: no setting, rounds that differ in number, fewer than two, or a rate that is not
            above 0.
    """
    check_confidence(confidence)
    if not 0 < enough <= 1:
        raise ValueError(f"enough must lie above 0 and up to 1, not {enough}")
    rounds = {len(values) for values in rates.values()}
    if len(rounds) != 1 or min(rounds) < 2:
        raise ValueError("every setting must have been measured in the same two rounds or more")
    if any(not value > 0 for values in rates.values() for value in values):
        raise ValueError("a rate must be above 0")
    count = rounds.pop()
    rounds_drawn = np.random.default_rng(seed).integers(count, size=(resamples, count))
    drawn = sorted(_knee(rates, chosen.tolist(), enough) for chosen in rounds_drawn)
    tail = round((1 - confidence) / 2 * (resamples - 1))
    return Knee(setting=_knee(rates, range(count), enough), low=drawn[tail], high=drawn[-1 - tail])


def _knee(rates: Mapping[int, Sequence[float]], rounds: Sequence[int], enough: float) -> int:
    means = {setting: fmean(values[n] for n in rounds) for setting, values in rates.items()}
    most = max(means.values())
    return min(setting for setting, mean in means.items() if mean >= enough * most)
