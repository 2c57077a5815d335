"""What statsmodels computes too, over many random cases; it serves the tests only.

The package needs six short formulas of it, which scipy has not; they are not worth its 45 MB in
every installation.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import StratifiedTable
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import (
    confint_proportions_2indep,
    proportion_confint,
    samplesize_proportions_2indep_onetail,
)
from statsmodels.stats.rates import confint_poisson

from iluvatar_bench import stats
from iluvatar_bench.stats.power import _approximate_trials

TOTALS = st.integers(1, 500)
CONFIDENCES = st.sampled_from([0.8, 0.95, 0.99])


def same(values):
    return pytest.approx(values, rel=1e-9, abs=1e-12)


@given(TOTALS, st.data(), CONFIDENCES)
def test_both_intervals_of_a_rate(total, data, confidence):
    count = data.draw(st.integers(0, total))
    for method, theirs in (("wilson", "wilson"), ("clopper_pearson", "beta")):
        value = stats.rate(count, total, method=method, confidence=confidence)
        expected = proportion_confint(count, total, alpha=1 - confidence, method=theirs)
        assert (value.low, value.high) == same(expected)


@given(TOTALS, TOTALS, st.data(), CONFIDENCES)
def test_newcombes_interval(baseline_total, candidate_total, data, confidence):
    baseline = data.draw(st.integers(0, baseline_total))
    candidate = data.draw(st.integers(0, candidate_total))
    value = stats.rate_difference(
        baseline, baseline_total, candidate, candidate_total, confidence=confidence
    )
    expected = confint_proportions_2indep(
        candidate,
        candidate_total,
        baseline,
        baseline_total,
        method="newcomb",
        compare="diff",
        alpha=1 - confidence,
    )
    assert (value.low, value.high) == same(expected)


@given(st.integers(1, 500), st.floats(0.01, 1000), CONFIDENCES)
def test_garwoods_interval(deaths, hours, confidence):
    value = stats.deaths_per_hour(deaths, hours, confidence=confidence)
    expected = confint_poisson(deaths, hours, method="exact-c", alpha=1 - confidence)
    assert (value.low, value.high) == same(expected)


@pytest.fixture(autouse=True, scope="module")
def quick_collections() -> Iterator[None]:
    """statsmodels' Holm calls gc.collect() every time: 0.1 s with all of pytest alive."""
    gc.freeze()
    yield
    gc.unfreeze()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holms_correction(values):
    assert stats.holm(values) == same(multipletests(values, method="holm")[1])


COUNTS = st.integers(1, 60)
TABLE = st.tuples(st.tuples(COUNTS, COUNTS), st.tuples(COUNTS, COUNTS))


@given(st.lists(TABLE, min_size=1, max_size=6), CONFIDENCES)
def test_the_chi_squared_and_the_odds_ratio_of_strata(tables, confidence):
    effect = stats.stratified_effect(tables, confidence=confidence)
    theirs = StratifiedTable(np.moveaxis(np.array(tables), 0, -1).astype(float))
    assert effect.statistic == same(theirs.test_null_odds(correction=False).statistic)
    assert effect.odds_ratio == same(theirs.oddsratio_pooled)
    bounds = theirs.oddsratio_pooled_confint(alpha=1 - confidence)
    assert (effect.odds_ratio_low, effect.odds_ratio_high) == same(bounds)


@pytest.mark.parametrize("rates", [(0.5, 0.75), (0.525, 0.05), (0.1, 0.01), (0.5, 0.4)])
@pytest.mark.parametrize("power", [0.5, 0.8, 0.95])
def test_the_normal_approximation_of_a_size(rates, power):
    baseline, candidate = rates
    expected = samplesize_proportions_2indep_onetail(
        candidate - baseline, baseline, power, ratio=1, alpha=0.05
    )
    assert _approximate_trials(baseline, candidate, power, 0.05) == same(expected)


@pytest.mark.parametrize("expected_rate", [0.0, 0.03, 0.5, 0.9])
def test_the_size_for_a_half_width_is_the_first_that_reaches_it(expected_rate):
    trials = stats.trials_for_half_width(expected_rate, 0.02)
    for number, reached in ((trials, True), (trials - 1, False)):
        low, high = proportion_confint(expected_rate * number, number, method="wilson")
        assert ((high - low) / 2 <= 0.02 + 1e-9) is reached
