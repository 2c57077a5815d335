"""Deaths per container-hour against R, Garwood's table, and exact coverage."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, poisson

from iluvatar_bench.stats import DEATH_RATE_COLUMNS, death_rates, deaths_per_hour


def test_the_interval_matches_r():
    # R, ?poisson.test: poisson.test(137, 24.19893)
    value = deaths_per_hour(137, 24.19893)
    assert value.estimate == pytest.approx(5.661407, abs=5e-7)
    assert value.low == pytest.approx(4.753125, abs=5e-7)
    assert value.high == pytest.approx(6.692709, abs=5e-7)


@pytest.mark.parametrize(
    ("deaths", "low", "high"),
    # Garwood (Biometrika 28, 1936); also Pearson and Hartley, Biometrika Tables, table 40.
    [(0, 0.0, 3.69), (1, 0.0253, 5.57), (2, 0.242, 7.22), (5, 1.62, 11.67), (10, 4.80, 18.39)],
)
def test_the_interval_matches_the_printed_table(deaths, low, high):
    value = deaths_per_hour(deaths, 1.0)
    assert value.low == pytest.approx(low, abs=0.005)
    assert value.high == pytest.approx(high, abs=0.005)


@given(st.integers(0, 500), st.floats(1e-3, 1e4), st.sampled_from([0.8, 0.95, 0.99]))
def test_the_interval_is_the_chi_squared_one(deaths, hours, confidence):
    # Ulm (American Journal of Epidemiology 131, 1990): the same interval by another route.
    value = deaths_per_hour(deaths, hours, confidence=confidence)
    tail = (1 - confidence) / 2
    low = chi2.ppf(tail, 2 * deaths) / 2 / hours if deaths else 0.0
    high = chi2.isf(tail, 2 * deaths + 2) / 2 / hours
    assert value.low == pytest.approx(low, rel=1e-9)
    assert value.high == pytest.approx(high, rel=1e-9)
    assert value.low <= value.estimate <= value.high


def test_coverage_is_never_below_nominal():
    counts = np.arange(200)
    values = [deaths_per_hour(int(k), 1.0) for k in counts]
    low, high = (np.array([getattr(v, end) for v in values])[:, None] for end in ("low", "high"))
    means = np.linspace(0.01, 40, 800)
    coverage = (poisson.pmf(counts[:, None], means) * ((low <= means) & (means <= high))).sum(0)
    assert coverage.min() >= 0.95
    assert coverage.mean() < 0.98


def test_no_deaths_have_a_bound_that_is_the_rule_of_three():
    value = deaths_per_hour(0, 10.0)
    assert value.upper_if_zero == pytest.approx(-math.log(0.05) / 10)
    assert poisson.pmf(0, value.upper_if_zero * 10) == pytest.approx(0.05)
    assert value.upper_if_zero == pytest.approx(0.3, rel=0.002)
    assert deaths_per_hour(1, 10.0).upper_if_zero is None


def test_no_hours_say_nothing():
    value = deaths_per_hour(0, 0.0)
    assert math.isnan(value.estimate)
    assert (value.low, value.high, value.upper_if_zero) == (0.0, math.inf, math.inf)


@pytest.mark.parametrize(
    ("deaths", "hours", "fault"),
    [
        (-1, 1.0, "deaths must not be negative"),
        (1, 0.0, "cannot happen in 0"),
        (0, -1.0, "finite and not negative"),
        (0, math.nan, "finite and not negative"),
        (0, math.inf, "finite and not negative"),
    ],
)
def test_impossible_exposures_are_refused(deaths, hours, fault):
    with pytest.raises(ValueError, match=fault):
        deaths_per_hour(deaths, hours)


def test_fractions_of_a_death_are_refused():
    with pytest.raises(TypeError):
        deaths_per_hour(0.5, 1.0)
    with pytest.raises(ValueError, match="confidence"):
        deaths_per_hour(0, 1.0, confidence=95)


@pytest.fixture
def trials():
    hour = 3_600_000.0
    return pd.DataFrame(
        [
            ("shared", "process_died", 0.5 * hour),
            ("shared", "oom_killed", 0.25 * hour),
            ("shared", "shim_lost", np.nan),  # before it was ready: never at risk
            ("shared", "invoke_failed", 1.0 * hour),  # at risk, and alive when it was removed
            ("shared", None, 0.25 * hour),
            ("own", None, 2.0 * hour),
            ("own", "silent_startup", np.nan),
        ],
        columns=["profile", "bug_class", "alive_ms"],
    )


def test_death_rates_count_deaths_over_time_at_risk(trials):
    table = death_rates(trials)
    assert tuple(table.columns) == DEATH_RATE_COLUMNS
    assert list(table["profile"]) == ["shared", "own"]
    shared, own = (row for _, row in table.iterrows())
    expected = deaths_per_hour(2, 2.0)
    assert (shared["deaths"], shared["container_hours"], shared["per_hour"]) == (2, 2.0, 1.0)
    assert (shared["low"], shared["high"]) == (expected.low, expected.high)
    assert shared["deaths_before_ready"] == 1
    assert math.isnan(shared["upper_bound_if_zero"])
    assert (own["deaths"], own["container_hours"], own["deaths_before_ready"]) == (0, 2.0, 0)
    assert own["upper_bound_if_zero"] == pytest.approx(1.498, abs=0.001)


def test_death_rates_refuse_what_they_cannot_use(trials):
    with pytest.raises(ValueError, match="no column alive_ms"):
        death_rates(trials.drop(columns="alive_ms"))
    with pytest.raises(ValueError, match="alive_ms must not be negative"):
        death_rates(trials.assign(alive_ms=-1.0))
    with pytest.raises(ValueError, match="no profile in 7 of 7 trials"):
        death_rates(trials.assign(profile=None))


def test_no_trials_give_no_death_rates(trials):
    assert tuple(death_rates(trials[:0]).columns) == DEATH_RATE_COLUMNS
    assert len(death_rates(trials[:0])) == 0
