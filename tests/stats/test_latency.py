"""Latency quantiles: numpy's values, order statistics, exact coverage, honest gaps."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from iluvatar_bench.stats import (
    DEFAULT_QUANTILES,
    QUANTILE_COLUMNS,
    enough_for,
    latency_quantiles,
    step_latencies,
)

DURATIONS = st.lists(st.floats(0, 1e6), min_size=0, max_size=50)


@given(DURATIONS, st.lists(st.floats(0.001, 0.999), min_size=1, max_size=4))
def test_estimates_are_numpys_and_intervals_hold_them(durations, quantiles):
    table = latency_quantiles(durations, quantiles=quantiles)
    assert tuple(table.columns) == QUANTILE_COLUMNS
    assert list(table["quantile"]) == quantiles
    assert (table["count"] == len(durations)).all()
    if not durations:
        assert table["estimate_ms"].isna().all()
        return
    assert list(table["estimate_ms"]) == list(np.quantile(durations, quantiles))
    bounds = table[["low_ms", "high_ms"]].to_numpy()
    known = ~np.isnan(bounds)
    # Interpolation may round one digit beyond the extremes.
    assert (bounds[known] >= min(durations) * (1 - 1e-12)).all()
    assert (bounds[known] <= max(durations) * (1 + 1e-12)).all()
    both = known.all(axis=1)
    assert (bounds[both, 0] <= bounds[both, 1] * (1 + 1e-12)).all()


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("count", [40, 95])
def test_the_bounds_are_order_statistics_with_exact_coverage(count, quantile):
    """Of the values 1 to n the bounds name their ranks; the binomial says how often they hold."""
    row = latency_quantiles(np.arange(1.0, count + 1), quantiles=[quantile]).iloc[0]
    low, high = int(row["low_ms"]), int(row["high_ms"])
    below = scipy.stats.binom(count, quantile)
    # The quantile lies between them if at least `low` and fewer than `high` values are below it.
    assert below.cdf(high - 1) - below.cdf(low - 1) >= 0.95
    # One rank less on either side would not do.
    assert below.cdf(low) > 0.025
    assert below.sf(high - 2) > 0.025


@pytest.mark.parametrize(("quantile", "smallest"), [(0.5, 6), (0.9, 36), (0.99, 368)])
def test_an_upper_bound_needs_enough_values(quantile, smallest):
    # All n values lie below the true quantile with probability q^n: at most 2.5 % from here on.
    assert quantile**smallest <= 0.025 < quantile ** (smallest - 1)
    durations = np.arange(smallest, dtype=float)
    enough = latency_quantiles(durations, quantiles=[quantile])
    short = latency_quantiles(durations[1:], quantiles=[quantile])
    assert not math.isnan(enough["high_ms"].iloc[0])
    assert math.isnan(short["high_ms"].iloc[0])
    low = latency_quantiles(durations[1:], quantiles=[1 - quantile])
    assert math.isnan(low["low_ms"].iloc[0])


def test_missing_durations_are_counted_and_left_out():
    table = latency_quantiles([1.0, math.nan, 3.0, math.nan], quantiles=[0.5])
    assert table.iloc[0][["count", "missing", "estimate_ms"]].tolist() == [2, 2, 2.0]
    nothing = latency_quantiles([math.nan])
    assert nothing[["estimate_ms", "low_ms", "high_ms"]].isna().all().all()
    one = latency_quantiles([7.0])
    assert (one["estimate_ms"] == 7.0).all()
    assert one[["low_ms", "high_ms"]].isna().all().all()


def test_equal_durations_have_an_interval_of_no_length():
    row = latency_quantiles([4.0] * 10, quantiles=[0.5]).iloc[0]
    assert (row["low_ms"], row["high_ms"]) == (4.0, 4.0)


@pytest.mark.parametrize(
    ("durations", "options", "fault"),
    [
        ([-1.0], {}, "durations must be finite"),
        ([math.inf], {}, "durations must be finite"),
        ([[1.0]], {}, "one dimension"),
        ([1.0], {"quantiles": [1.0]}, "quantiles must lie"),
        ([1.0], {"quantiles": [0.0]}, "quantiles must lie"),
        ([1.0], {"confidence": 95}, "confidence must lie"),
    ],
)
def test_impossible_requests_are_refused(durations, options, fault):
    with pytest.raises(ValueError, match=fault):
        latency_quantiles(durations, **options)


@pytest.fixture
def trials():
    return pd.DataFrame(
        {
            "profile": ["b"] * 10 + ["a"] * 10,
            "create_ms": np.arange(20.0),
            "ready_ms": [*np.arange(10.0), *[None] * 10],
        }
    )


def test_steps_by_profile(trials):
    table = step_latencies(trials, steps=["create_ms", "ready_ms"])
    assert tuple(table.columns) == ("profile", "step", *QUANTILE_COLUMNS)
    assert list(table["profile"].unique()) == ["b", "a"]
    assert len(table) == 2 * 2 * len(DEFAULT_QUANTILES)
    medians = table[table["quantile"] == 0.5].set_index(["profile", "step"])
    assert medians.loc[("a", "create_ms"), "estimate_ms"] == 14.5
    assert medians.loc[("a", "ready_ms"), "count"] == 0
    assert medians.loc[("a", "ready_ms"), "missing"] == 10


def test_steps_refuse_missing_columns_and_take_empty_frames(trials):
    with pytest.raises(ValueError, match="no column prepare_ms, task_create_ms"):
        step_latencies(trials)
    with pytest.raises(ValueError, match="no profile in 20 of 20"):
        step_latencies(trials.assign(profile=None), steps=["create_ms"])
    empty = step_latencies(trials[:0], steps=["create_ms"])
    assert tuple(empty.columns) == ("profile", "step", *QUANTILE_COLUMNS)


@pytest.mark.parametrize(
    ("quantile", "count", "enough"),
    [(0.99, 99, False), (0.99, 100, True), (0.01, 100, True), (0.5, 2, True), (0.5, 0, False)],
)
def test_a_quantile_takes_a_value_beyond_it(quantile, count, enough):
    assert enough_for(quantile, count) is enough
    with pytest.raises(ValueError, match="between 0 and 1"):
        enough_for(1.0, count)
