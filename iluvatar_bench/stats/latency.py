"""Latency quantiles with bootstrap intervals; no interval where the sample cannot carry one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from iluvatar_bench.records import STEP_COLUMNS
from iluvatar_bench.stats._checks import check_confidence, refuse_missing, require_columns

DEFAULT_QUANTILES = (0.5, 0.9, 0.99)

QUANTILE_COLUMNS = ("quantile", "count", "missing", "estimate_ms", "low_ms", "high_ms")
"""The columns of :func:`latency_quantiles`, in order."""


def latency_quantiles(
    durations_ms: Sequence[float] | NDArray[np.float64],
    *,
    rng: np.random.Generator,
    quantiles: Sequence[float] = DEFAULT_QUANTILES,
    confidence: float = 0.95,
    resamples: int = 2000,
) -> pd.DataFrame:
    """Sample quantiles (Hyndman and Fan's type 7) with percentile-bootstrap intervals.

    The interval spans the alpha/2 and 1 - alpha/2 quantiles of the statistic over resamples of
    the values with replacement (Efron, Annals of Statistics 7, 1979), by scipy. The percentile
    method is used on purpose: the acceleration of BCa rests on the jackknife, which is
    inconsistent for quantiles (Efron and Tibshirani 1993, chapter 11).

    No resample reaches beyond the largest value seen. With n values, all of them lie below the
    true q-quantile with probability q^n; where that exceeds alpha/2 *no* method can bound the
    quantile from above without assumptions, and ``high_ms`` is NaN: at 95 % p50 needs 6 values,
    p90 needs 36 and p99 needs 368. ``low_ms`` likewise with (1 - q)^n.

    Edges: no values give NaN estimates, one value gives itself without an interval.

    Args:
        durations_ms: shape (n,). NaN marks a step that was not reached: left out and counted
            in ``missing``. These quantiles are therefore of the trials that got there; where
            many did not, :func:`time_to_ready` is the honest picture. Values are resampled
            one by one, which takes them as independent.
        rng: the source of the resampling; the same state gives the same interval.
        quantiles: each in (0, 1).
        confidence: of the intervals.
        resamples: how many.

    Returns:
        A frame with the columns :data:`QUANTILE_COLUMNS`, one row a quantile, in the order given.

    Raises:
        ValueError: infinite or negative durations, a quantile outside (0, 1), resamples < 1,
            bad confidence.
    """
    check_confidence(confidence)
    given = np.asarray(durations_ms, dtype=np.float64)
    if given.ndim != 1:
        raise ValueError(f"durations_ms must have one dimension, not {given.ndim}")
    values = given[~np.isnan(given)]
    if not (np.isfinite(values) & (values >= 0)).all():
        raise ValueError("durations must be finite and not negative; NaN marks a missing one")
    if not all(0 < q < 1 for q in quantiles):
        raise ValueError(f"quantiles must lie between 0 and 1, not {tuple(quantiles)}")
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, not {resamples}")
    q = np.asarray(quantiles, dtype=np.float64)
    estimate = np.quantile(values, q) if len(values) else np.full(len(q), math.nan)
    low, high = _interval(values, q, confidence, resamples, rng)
    return pd.DataFrame(
        {
            "quantile": q,
            "count": len(values),
            "missing": len(given) - len(values),
            "estimate_ms": estimate,
            "low_ms": low,
            "high_ms": high,
        },
        columns=list(QUANTILE_COLUMNS),
    )


def step_latencies(
    trials: pd.DataFrame,
    *,
    rng: np.random.Generator,
    steps: Sequence[str] = STEP_COLUMNS,
    quantiles: Sequence[float] = DEFAULT_QUANTILES,
    confidence: float = 0.95,
    resamples: int = 2000,
) -> pd.DataFrame:
    """The quantiles of each lifecycle step of each profile.

    Args:
        trials: one row a trial, with ``profile`` and the columns named in ``steps``.
        rng: as in :func:`latency_quantiles`.
        steps: the duration columns, in milliseconds.
        quantiles: as in :func:`latency_quantiles`.
        confidence: as in :func:`latency_quantiles`.
        resamples: as in :func:`latency_quantiles`.

    Returns:
        ``profile`` and ``step``, then the columns :data:`QUANTILE_COLUMNS`; profiles in the
        order of first trials. A step that no trial reached keeps its rows, with count 0.

    Raises:
        ValueError: a column or a profile is missing, or as in :func:`latency_quantiles`.
    """
    require_columns(trials, ("profile", *steps))
    refuse_missing(trials, ["profile"])
    parts = []
    for profile, group in trials.groupby("profile", sort=False, observed=True):
        for step in steps:
            part = latency_quantiles(
                group[step].to_numpy(dtype=np.float64),
                rng=rng,
                quantiles=quantiles,
                confidence=confidence,
                resamples=resamples,
            )
            part.insert(0, "profile", str(profile))
            part.insert(1, "step", step)
            parts.append(part)
    if not parts:
        return pd.DataFrame(columns=["profile", "step", *QUANTILE_COLUMNS])
    return pd.concat(parts, ignore_index=True)


def _interval(
    values: NDArray[np.float64],
    q: NDArray[np.float64],
    confidence: float,
    resamples: int,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    tail = (1 - confidence) / 2
    low_is_known = (1 - q) ** len(values) <= tail
    high_is_known = q ** len(values) <= tail
    if len(values) < 2 or not (low_is_known | high_is_known).any():
        return np.full(len(q), math.nan), np.full(len(q), math.nan)
    result = scipy.stats.bootstrap(
        (values,),
        lambda sample, axis: np.quantile(sample, q, axis=axis),
        vectorized=True,
        method="percentile",
        confidence_level=confidence,
        n_resamples=resamples,
        rng=rng,
        # Bounds the memory at about 10 MB whatever the number of values.
        batch=max(1, 1_000_000 // len(values)),
    )
    low, high = result.confidence_interval
    return np.where(low_is_known, low, math.nan), np.where(high_is_known, high, math.nan)
