"""Kaplan-Meier against printed tables, its closed forms, and simulated coverage."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from statsmodels.duration.survfunc import SurvfuncRight

from iluvatar_bench.stats import CURVE_COLUMNS, survival_curve, time_to_death, time_to_ready

# Freireich et al. (Blood 21, 1963), weeks in remission; the example of Cox (1972) and since.
DRUG = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
DRUG_SEEN = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]

TRIALS = st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=40)


def test_the_curve_matches_the_printed_table():
    # Kalbfleisch and Prentice; Kleinbaum and Klein, Survival Analysis, table 2.1.
    printed = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
    curve = survival_curve(DRUG, DRUG_SEEN)
    at_events = curve.table[curve.table["events"] > 0]
    found = dict(zip(at_events["time_ms"], at_events["survival"].round(3), strict=True))
    assert found == printed
    assert (curve.total, curve.events, curve.censored) == (21, 9, 12)
    assert curve.median_ms == 23
    assert survival_curve(PLACEBO, [True] * 21).median_ms == 8


@given(TRIALS)
def test_the_curve_matches_statsmodels(trials):
    times, seen = np.array(trials, dtype=float).T
    times = times + 1  # statsmodels wants positive times
    if not seen.any():
        return
    table = survival_curve(times, seen.astype(bool)).table
    reference = SurvfuncRight(times, seen)
    ours = table.set_index("time_ms").loc[reference.surv_times]
    assert ours["survival"].to_numpy() == pytest.approx(reference.surv_prob, abs=1e-12)
    assert ours["at_risk"].to_numpy() == pytest.approx(reference.n_risk)


@given(TRIALS)
def test_a_curve_adds_up_and_falls(trials):
    times, seen = zip(*trials, strict=True)
    curve = survival_curve(times, seen)
    table = curve.table
    assert tuple(table.columns) == CURVE_COLUMNS
    assert table["time_ms"].iloc[0] == 0
    assert table["events"].sum() == curve.events == sum(seen)
    assert table["censored"].sum() == curve.censored == len(seen) - sum(seen)
    gone = (table["events"] + table["censored"]).cumsum().shift(fill_value=0)
    assert (table["at_risk"] == len(trials) - gone).all()
    assert (table["survival"].diff().dropna() <= 1e-12).all()
    assert (table["low"] <= table["survival"] + 1e-12).all()
    assert (table["survival"] <= table["high"] + 1e-12).all()
    assert not table.isna().any().any()


@given(st.lists(st.integers(1, 20), min_size=1, max_size=40))
def test_without_censoring_it_is_the_empirical_share(times):
    curve = survival_curve(times, [True] * len(times))
    for time in range(21):
        assert curve.survival_at(time) == pytest.approx(np.mean(np.array(times) > time))


def test_forty_that_never_died_do_not_prove_that_none_would():
    curve = survival_curve([1000.0] * 40, [False] * 40)
    last = curve.table.iloc[-1]
    exact = binomtest(40, 40).proportion_ci(0.95, method="exact")
    assert (last["survival"], last["high"]) == (1.0, 1.0)
    assert last["low"] == pytest.approx(exact.low)
    assert curve.table.iloc[0]["low"] == 1.0  # at time 0 all of them were there
    assert (curve.median_ms, curve.median_low_ms) == (math.inf, math.inf)


def test_when_the_last_one_dies_the_interval_does_not_vanish():
    last = survival_curve([1, 2, 3], [True] * 3).table.iloc[-1]
    assert (last["survival"], last["low"]) == (0.0, 0.0)
    assert last["high"] > 0.5


def test_survival_between_and_outside_the_times():
    curve = survival_curve([2, 4], [True, True])
    assert [curve.survival_at(t) for t in (0, 1.9, 2, 3, 4, 99)] == [1, 1, 0.5, 0.5, 0, 0]
    assert math.isnan(curve.survival_at(-1))


def test_no_trials_give_an_empty_curve():
    curve = survival_curve([], [])
    assert tuple(curve.table.columns) == CURVE_COLUMNS
    assert (len(curve.table), curve.total, curve.events, curve.censored) == (0, 0, 0, 0)
    assert math.isnan(curve.median_ms)
    assert math.isnan(curve.median_low_ms)
    assert math.isnan(curve.survival_at(1.0))


def test_coverage_of_the_band_and_of_the_median():
    rng = np.random.default_rng(1958)
    checked = {0.7: math.log(1 / 0.7), 0.4: math.log(1 / 0.4)}  # exponential, mean 1
    covered, median_covered, repeats = dict.fromkeys(checked, 0), 0, 400
    for _ in range(repeats):
        death, removal = rng.exponential(1, 60), rng.exponential(2, 60)
        curve = survival_curve(np.minimum(death, removal), death <= removal)
        for truth, time in checked.items():
            row = curve.table[curve.table["time_ms"] <= time].iloc[-1]
            covered[truth] += row["low"] <= truth <= row["high"]
        median_covered += curve.median_low_ms <= math.log(2) <= curve.median_high_ms
    assert all(0.92 <= count / repeats <= 0.985 for count in covered.values())
    assert 0.92 <= median_covered / repeats <= 0.985


@pytest.mark.parametrize(
    ("times", "seen", "fault"),
    [
        ([1.0], [True, False], "do not go with"),
        ([[1.0]], [[True]], "do not go with"),
        ([math.nan], [True], "finite and not negative"),
        ([math.inf], [True], "finite and not negative"),
        ([-1.0], [True], "finite and not negative"),
    ],
)
def test_what_has_no_time_is_refused(times, seen, fault):
    with pytest.raises(ValueError, match=fault):
        survival_curve(times, seen)


@pytest.fixture
def trials():
    nan = math.nan
    return pd.DataFrame(
        [
            ("ok", None, 17.0, 300.0, 900.0),
            ("ok", None, 17.0, 500.0, 400.0),
            ("failed", "process_died", 17.0, 400.0, 100.0),
            ("failed", "silent_startup", 17.0, nan, nan),
            ("failed", "missing_packages", 17.0, nan, nan),
            ("failed", "snapshot_overlay", nan, nan, nan),
            ("unknown", None, 17.0, nan, nan),
            ("unknown", None, 17.0, 350.0, nan),
        ],
        columns=["outcome", "bug_class", "start_ms", "ready_ms", "alive_ms"],
    )


def test_time_to_death_counts_deaths_and_censors_kills(trials):
    curve = time_to_death(trials)
    assert (curve.total, curve.events, curve.censored, curve.excluded) == (3, 1, 2, 5)
    assert curve.survival_at(100) == pytest.approx(2 / 3)


def test_time_to_ready_keeps_what_never_came_up_in_the_denominator(trials):
    curve = time_to_ready(trials, deadline_ms=10_000)
    # Left out: never started; started, but the answer was lost.
    assert (curve.total, curve.events, curve.censored, curve.excluded) == (6, 4, 2, 2)
    assert curve.survival_at(10_000) == pytest.approx(2 / 6)
    assert curve.median_ms == 400
    assert curve.table["time_ms"].iloc[-1] == 10_000


def test_ready_after_the_deadline_is_not_ready_by_it(trials):
    curve = time_to_ready(trials, deadline_ms=320)
    assert (curve.events, curve.censored) == (1, 5)
    assert curve.table["time_ms"].iloc[-1] == 320


def test_time_to_ready_refuses_contradictions(trials):
    with pytest.raises(ValueError, match=r"ready without a start in 4 of 8 trials \(rows 0, 1"):
        time_to_ready(trials.assign(start_ms=math.nan), deadline_ms=1000)
    for deadline in (0, -1, math.nan, math.inf):
        with pytest.raises(ValueError, match="deadline_ms must be"):
            time_to_ready(trials, deadline_ms=deadline)
    with pytest.raises(ValueError, match="no column start_ms"):
        time_to_ready(trials.drop(columns="start_ms"), deadline_ms=1000)
    with pytest.raises(ValueError, match="no column alive_ms"):
        time_to_death(trials.drop(columns="alive_ms"))
