"""How far runs of one profile are apart, beside what chance alone would make of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iluvatar_bench.stats.number_text import RANGE


@dataclass(frozen=True, slots=True)
class RunSpread:
    """Standard deviations of rates (shares of 1): as ``seen`` between runs, and ``by_chance``.

    ``by_chance`` is what runs of these sizes would have if all their trials were independent with
    one rate: what is seen beyond it came from clusters of failures and from the hour.
    """

    seen: float
    by_chance: float


def run_spread(rates: Sequence[float] | NDArray[np.float64], trials: Sequence[int]) -> RunSpread:
    """The spread of the rates of several runs.

    By chance the variance of a run of n trials is p(1 - p)/n, p being the rate of all trials
    together; its mean over the runs is what the variance between them has as its expectation.

    Args:
        rates: shape (n,), the rate of each run.
        trials: shape (n,), how many trials each had.

    Raises:
        ValueError: fewer than two runs, a rate outside 0..1, or a run without a trial.
    """
    values, sizes = np.asarray(rates, dtype=np.float64), np.asarray(trials)
    if len(values) < 2 or len(values) != len(sizes):
        raise ValueError(f"a spread is of 2 runs or more, not {len(values)} and {len(sizes)}")
    if not ((values >= 0) & (values <= 1)).all() or (sizes < 1).any():
        raise ValueError("rates must lie in 0..1, and each run must have a trial")
    together = float((values * sizes).sum() / sizes.sum())
    chance = math.sqrt(together * (1 - together) * float((1 / sizes).mean()))
    return RunSpread(seen=float(values.std(ddof=1)), by_chance=chance)


def spread_text(rates: Sequence[float], trials: Sequence[int]) -> str:
    """The spread in words, in percentage points.

    Raises:
        ValueError: as :func:`run_spread`.
    """
    found = run_spread(rates, trials)
    return (
        f"its {len(rates)} runs had {100 * min(rates):.1f}{RANGE}{100 * max(rates):.1f} % not ok, "
        f"with a standard deviation of {100 * found.seen:.1f} points; independent trials alone "
        f"would have {100 * found.by_chance:.1f}"
    )
