"""Whether a run had warmed up: where its beginning ends, and whether what follows has a trend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

_BATCH = 5
"""Observations in a batch of MSER-5."""
_BATCHES = 20
_FEWEST_BATCHES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SteadyState:
    """A series without its beginning, tested for a trend.

    ``left_out`` of ``observations`` are its beginning, by MSER-5 or as it was asked for. ``tau`` is
    Kendall's, of the means of ``batches`` equal parts of the rest with their order; ``p_value`` its
    two-sided one. ``found`` is False where no end of the beginning was found in the first half.
    """

    observations: int
    left_out: int
    found: bool
    batches: int
    tau: float
    p_value: float

    def steady(self, *, level: float = 0.05) -> bool:
        """Whether it has an end of its beginning, and no trend is shown after that."""
        return self.found and self.p_value >= level


def warm_up_length(values: Sequence[float]) -> int | None:
    """How many observations at the beginning are best left out, by MSER-5.

    The number, a multiple of 5, that makes the standard error of the mean of the rest smallest (of
    batch means of 5; White, Cobb and Spratt, A comparison of five steady-state truncation
    heuristics for simulation, WSC 2000). None: it lies beyond the first half, or there are fewer
    than 10 observations, and the series says nothing about its steady state.

    Raises:
        ValueError: a value is not finite.
    """
    series = _finite(values)
    batches = len(series) // _BATCH
    if batches < 2:
        return None
    means = series[: batches * _BATCH].reshape(batches, _BATCH).mean(axis=1)
    left = np.arange(batches, 0, -1)
    # Sums from each batch to the end, of what is centred first: the squares then keep their digits.
    centred = means - means.mean()
    sums = np.cumsum(centred[::-1])[::-1]
    squares = np.cumsum((centred**2)[::-1])[::-1]
    errors = (squares - sums**2 / left) / left**2
    # The last few batches may agree by chance: the rule looks at the first half only, and an answer
    # at its edge is none.
    half = batches // 2
    best = int(np.argmin(errors[: half + 1]))
    return None if best == half and half > 0 else best * _BATCH


def steady_state(values: Sequence[float], *, left_out: int | None = None) -> SteadyState | None:
    """Leave out the beginning (by MSER-5, or ``left_out`` observations), and test the rest.

    The test is Kendall's tau of batch means with their order (Mann's test against trend): batches,
    because neighbours in a series are not independent. None: too few observations for 8 batches.

    Raises:
        ValueError: a value is not finite.
    """
    series = _finite(values)
    end = warm_up_length(series.tolist()) if left_out is None else left_out
    rest = series[end or 0 :]
    batches = min(_BATCHES, len(rest) // _BATCH)
    if batches < _FEWEST_BATCHES:
        return None
    means = [part.mean() for part in np.array_split(rest, batches)]
    tau = scipy.stats.kendalltau(range(batches), means)
    # Of values that are all equal there is no tau, and no trend.
    flat = np.ptp(means) == 0
    return SteadyState(
        observations=len(series),
        left_out=end or 0,
        found=end is not None,
        batches=batches,
        tau=0.0 if flat else float(tau.statistic),
        p_value=1.0 if flat else float(tau.pvalue),
    )


def _finite(values: Sequence[float]) -> npt.NDArray[np.float64]:
    series = np.asarray(values, dtype=np.float64)
    if not np.isfinite(series).all():
        raise ValueError("every value of the series must be finite")
    return series
