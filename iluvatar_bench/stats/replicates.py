"""Replicated runs: the run is the unit, and which side it was on is what is permuted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

MAX_RUNS = 10
"""Of a side: 184,756 arrangements of ten against ten are counted in a second."""


@dataclass(frozen=True, slots=True)
class RunPermutation:
    """The exact test over runs; made by :func:`permute_runs`.

    ``smallest_p`` is what the most extreme arrangement would have: with few runs no data can
    reach an alpha below it.
    """

    p_value: float
    smallest_p: float
    difference: float


def permute_runs(
    baseline: Sequence[float] | NDArray[np.float64],
    candidate: Sequence[float] | NDArray[np.float64],
) -> RunPermutation:
    """Whether the mean rates of two groups of runs differ by more than a chance arrangement.

    If it does not matter which side a run was on, every choice of as many runs for the candidate is
    equally likely to give the difference seen. All of them are counted (scipy's
    ``permutation_test``, exact); p is twice the smaller tail. Three against three have 20
    arrangements and no p below 0.1; four against four 70, and 0.029.

    It takes runs whose order was not all of one side first: drift would be counted as a difference.

    Args:
        baseline: shape (n,), the rate of each run.
        candidate: shape (m,), likewise.

    Raises:
        ValueError: fewer than 2 or more than 10 runs on a side, or a rate outside 0..1.
    """
    groups = [np.asarray(rates, dtype=np.float64) for rates in (baseline, candidate)]
    for rates in groups:
        if not 2 <= len(rates) <= MAX_RUNS:
            raise ValueError(f"2 to {MAX_RUNS} runs a side can be permuted, not {len(rates)}")
        if not ((rates >= 0) & (rates <= 1)).all():
            raise ValueError("rates must lie in 0..1")
    found = scipy.stats.permutation_test(
        (groups[1], groups[0]),
        lambda one, other, axis: one.mean(axis=axis) - other.mean(axis=axis),
        permutation_type="independent",
        vectorized=True,
        n_resamples=np.inf,
        batch=20_000,
    )
    arrangements = math.comb(len(groups[0]) + len(groups[1]), len(groups[0]))
    # Of equal sides each arrangement has a mirror image that is as extreme.
    return RunPermutation(float(found.pvalue), min(1.0, 2 / arrangements), float(found.statistic))
