"""Latency quantiles with exact intervals; no bound where the sample cannot carry one."""

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
    quantiles: Sequence[float] = DEFAULT_QUANTILES,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Sample quantiles (Hyndman and Fan's type 7) with intervals by order statistics.

    How many of n values lie below the true q-quantile is binomial, whatever the distribution, so
    two of the sorted values bound it with a known probability, never below ``confidence``
    (Conover, Practical Nonparametric Statistics, 1999, section 3.2; scipy's ``quantile_test``).

    With n values, all of them lie below the true q-quantile with probability q^n; where that
    exceeds alpha/2 *no* method can bound the quantile from above without assumptions, and
    ``high_ms`` is NaN: at 95 % p50 needs 6 values, p90 needs 36 and p99 needs 368. ``low_ms``
    likewise with (1 - q)^n.

    Edges: no values give NaN estimates, one value gives itself without an interval.

    Args:
        durations_ms: shape (n,). NaN marks a step that was not reached: left out and counted
            in ``missing``. These quantiles are therefore of the trials that got there; where
            many did not, :func:`time_to_ready` is the honest picture. Values are taken as
            independent.
        quantiles: each in (0, 1).
        confidence: of the intervals.

    Returns:
        A frame with the columns :data:`QUANTILE_COLUMNS`, one row a quantile, in the order given.

    Raises:
        ValueError: infinite or negative durations, a quantile outside (0, 1), bad confidence.
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
    q = np.asarray(quantiles, dtype=np.float64)
    estimate = np.quantile(values, q) if len(values) else np.full(len(q), math.nan)
    bounds = [_interval(values, one, confidence) for one in q.tolist()]
    return pd.DataFrame(
        {
            "quantile": q,
            "count": len(values),
            "missing": len(given) - len(values),
            "estimate_ms": estimate,
            "low_ms": [low for low, _ in bounds],
            "high_ms": [high for _, high in bounds],
        },
        columns=list(QUANTILE_COLUMNS),
    )


def enough_for(quantile: float, count: int) -> bool:
    """Whether so many values have the quantile: at least one is to be expected beyond it.

    The 99 % quantile of 20 values is their largest and says nothing of the hundredth. Of no value
    no quantile is known.

    Raises:
        ValueError: the quantile does not lie between 0 and 1.
    """
    if not 0 < quantile < 1:
        raise ValueError(f"a quantile lies between 0 and 1, not {quantile}")
    return count * min(quantile, 1 - quantile) >= 1


def step_latencies(
    trials: pd.DataFrame,
    *,
    steps: Sequence[str] = STEP_COLUMNS,
    quantiles: Sequence[float] = DEFAULT_QUANTILES,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """The quantiles of each lifecycle step of each profile.

    Args:
        trials: one row a trial, with ``profile`` and the columns named in ``steps``.
        steps: the duration columns, in milliseconds.
        quantiles: as in :func:`latency_quantiles`.
        confidence: as in :func:`latency_quantiles`.

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
                quantiles=quantiles,
                confidence=confidence,
            )
            part.insert(0, "profile", str(profile))
            part.insert(1, "step", step)
            parts.append(part)
    if not parts:
        return pd.DataFrame(columns=["profile", "step", *QUANTILE_COLUMNS])
    return pd.concat(parts, ignore_index=True)


def _interval(values: NDArray[np.float64], q: float, confidence: float) -> tuple[float, float]:
    if len(values) < 2:
        return math.nan, math.nan
    # What is tested does not matter to the interval.
    found = scipy.stats.quantile_test(values, q=0, p=q).confidence_interval(confidence)
    return float(found.low), float(found.high)
