"""Latency quantiles: numpy's values, scipy's bootstrap, simulated coverage, honest gaps."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import bootstrap, lognorm

from iluvatar_bench.stats import (
    DEFAULT_QUANTILES,
    QUANTILE_COLUMNS,
    latency_quantiles,
    step_latencies,
)

DURATIONS = st.lists(st.floats(0, 1e6), min_size=0, max_size=50)


def seeded(seed=0):
    return np.random.default_rng(seed)


@given(DURATIONS, st.lists(st.floats(0.001, 0.999), min_size=1, max_size=4))
def test_estimates_are_numpys_and_intervals_hold_them(durations, quantiles):
    table = latency_quantiles(durations, quantiles=quantiles, rng=seeded(), resamples=50)
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


def test_the_interval_is_scipys_percentile_bootstrap():
    durations = lognorm(1).rvs(80, random_state=seeded(5))
    row = latency_quantiles(durations, quantiles=[0.5], rng=seeded(7)).iloc[0]
    reference = bootstrap(
        (durations,),
        np.median,
        vectorized=True,
        n_resamples=2000,
        method="percentile",
        rng=seeded(7),
    ).confidence_interval
    assert (row["low_ms"], row["high_ms"]) == (reference.low, reference.high)


def test_the_same_seed_gives_the_same_interval_and_no_global_state_is_touched():
    durations = lognorm(1).rvs(50, random_state=seeded(5))
    before = np.random.get_state()[1].copy()
    first, second = (latency_quantiles(durations, rng=seeded(1)) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
    other = latency_quantiles(durations, rng=seeded(2))
    assert other["low_ms"].iloc[0] != first["low_ms"].iloc[0]
    assert (np.random.get_state()[1] == before).all()


@pytest.mark.parametrize(("quantile", "smallest"), [(0.5, 6), (0.9, 36), (0.99, 368)])
def test_an_upper_bound_needs_enough_values(quantile, smallest):
    # All n values lie below the true quantile with probability q^n: at most 2.5 % from here on.
    assert quantile**smallest <= 0.025 < quantile ** (smallest - 1)
    durations = np.arange(smallest, dtype=float)
    enough = latency_quantiles(durations, quantiles=[quantile], rng=seeded(), resamples=50)
    short = latency_quantiles(durations[1:], quantiles=[quantile], rng=seeded(), resamples=50)
    assert not math.isnan(enough["high_ms"].iloc[0])
    assert math.isnan(short["high_ms"].iloc[0])
    low = latency_quantiles(durations[1:], quantiles=[1 - quantile], rng=seeded(), resamples=50)
    assert math.isnan(low["low_ms"].iloc[0])


def test_missing_durations_are_counted_and_left_out():
    table = latency_quantiles([1.0, math.nan, 3.0, math.nan], quantiles=[0.5], rng=seeded())
    assert table.iloc[0][["count", "missing", "estimate_ms"]].tolist() == [2, 2, 2.0]
    nothing = latency_quantiles([math.nan], rng=seeded())
    assert nothing[["estimate_ms", "low_ms", "high_ms"]].isna().all().all()
    one = latency_quantiles([7.0], rng=seeded())
    assert (one["estimate_ms"] == 7.0).all()
    assert one[["low_ms", "high_ms"]].isna().all().all()


def test_equal_durations_have_an_interval_of_no_length():
    row = latency_quantiles([4.0] * 10, quantiles=[0.5], rng=seeded()).iloc[0]
    assert (row["low_ms"], row["high_ms"]) == (4.0, 4.0)


@pytest.mark.parametrize("quantile", [0.5, 0.9])
def test_coverage_by_simulation(quantile):
    law, rng = lognorm(0.7), seeded(2012)
    truth, covered, repeats = law.ppf(quantile), 0, 300
    for _ in range(repeats):
        table = latency_quantiles(
            law.rvs(80, random_state=rng), quantiles=[quantile], rng=rng, resamples=300
        )
        row = table.iloc[0]
        covered += row["low_ms"] <= truth <= row["high_ms"]
    # The percentile bootstrap of a quantile runs a little below nominal at n = 80.
    assert 0.90 <= covered / repeats <= 0.985


@pytest.mark.parametrize(
    ("durations", "options", "fault"),
    [
        ([-1.0], {}, "durations must be finite"),
        ([math.inf], {}, "durations must be finite"),
        ([[1.0]], {}, "one dimension"),
        ([1.0], {"quantiles": [1.0]}, "quantiles must lie"),
        ([1.0], {"quantiles": [0.0]}, "quantiles must lie"),
        ([1.0], {"resamples": 0}, "resamples must be"),
        ([1.0], {"confidence": 95}, "confidence must lie"),
    ],
)
def test_impossible_requests_are_refused(durations, options, fault):
    with pytest.raises(ValueError, match=fault):
        latency_quantiles(durations, rng=seeded(), **options)


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
    table = step_latencies(trials, steps=["create_ms", "ready_ms"], rng=seeded())
    assert tuple(table.columns) == ("profile", "step", *QUANTILE_COLUMNS)
    assert list(table["profile"].unique()) == ["b", "a"]
    assert len(table) == 2 * 2 * len(DEFAULT_QUANTILES)
    medians = table[table["quantile"] == 0.5].set_index(["profile", "step"])
    assert medians.loc[("a", "create_ms"), "estimate_ms"] == 14.5
    assert medians.loc[("a", "ready_ms"), "count"] == 0
    assert medians.loc[("a", "ready_ms"), "missing"] == 10


def test_steps_refuse_missing_columns_and_take_empty_frames(trials):
    with pytest.raises(ValueError, match="no column prepare_ms, task_create_ms"):
        step_latencies(trials, rng=seeded())
    with pytest.raises(ValueError, match="no profile in 20 of 20"):
        step_latencies(trials.assign(profile=None), steps=["create_ms"], rng=seeded())
    empty = step_latencies(trials[:0], steps=["create_ms"], rng=seeded())
    assert tuple(empty.columns) == ("profile", "step", *QUANTILE_COLUMNS)
