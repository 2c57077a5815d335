"""The rates against scipy, Newcombe's table, exact coverage, and the rule of three."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from iluvatar_bench.stats import rate, zero_failure_upper_bound

COUNTS = st.integers(0, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))

# Newcombe, Statistics in Medicine 17 (1998) 857-872, table I: methods 3 (score) and 5 (exact).
NEWCOMBE_1998 = [
    ("wilson", 81, 263, 0.2553, 0.3662),
    ("wilson", 15, 148, 0.0624, 0.1605),
    ("wilson", 0, 20, 0.0000, 0.1611),
    ("wilson", 1, 29, 0.0061, 0.1718),
    ("clopper_pearson", 81, 263, 0.2527, 0.3676),
    ("clopper_pearson", 15, 148, 0.0578, 0.1617),
    ("clopper_pearson", 0, 20, 0.0000, 0.1684),
    ("clopper_pearson", 1, 29, 0.0009, 0.1776),
]


@pytest.mark.parametrize(("method", "count", "total", "low", "high"), NEWCOMBE_1998)
def test_intervals_match_newcombes_table(method, count, total, low, high):
    value = rate(count, total, method=method)
    assert (round(value.low, 4), round(value.high, 4)) == (low, high)


@given(COUNTS.filter(lambda pair: pair[1] > 0), st.sampled_from([0.8, 0.95, 0.99]))
def test_intervals_match_scipy(pair, confidence):
    count, total = pair
    test = binomtest(count, total)
    for method, scipy_name in (("wilson", "wilson"), ("clopper_pearson", "exact")):
        value = rate(count, total, method=method, confidence=confidence)
        low, high = test.proportion_ci(confidence, method=scipy_name)
        assert value.low == pytest.approx(low, abs=1e-9)
        assert value.high == pytest.approx(high, abs=1e-9)


@given(COUNTS, st.sampled_from(["wilson", "clopper_pearson"]))
def test_an_interval_holds_its_estimate_and_mirrors(pair, method):
    count, total = pair
    value, mirrored = (rate(k, total, method=method) for k in (count, total - count))
    assert 0 <= value.low <= value.high <= 1
    assert value.half_width == (value.high - value.low) / 2
    if total:
        assert value.low <= value.estimate <= value.high
    assert value.low == pytest.approx(1 - mirrored.high, abs=1e-12)
    assert (value.upper_if_zero is None) == (count > 0)


@given(st.integers(1, 200), st.data())
def test_more_failures_never_lower_the_interval(total, data):
    count = data.draw(st.integers(0, total - 1))
    fewer, more = rate(count, total), rate(count + 1, total)
    assert fewer.low <= more.low
    assert fewer.high <= more.high


def exact_coverages(method, total, grid):
    """Per rate p, the probability that the interval holds p: a sum over counts, no simulation."""
    values = [rate(k, total, method=method) for k in range(total + 1)]
    low, high = (np.array([getattr(v, end) for v in values])[:, None] for end in ("low", "high"))
    chance = binom.pmf(np.arange(total + 1)[:, None], total, grid)
    return (chance * ((low <= grid) & (grid <= high))).sum(axis=0)


@pytest.mark.parametrize("total", [20, 40, 100])
def test_coverage(total):
    grid = np.linspace(0.002, 0.998, 400)
    wilson = exact_coverages("wilson", total, grid)
    # The score interval oscillates around nominal (Brown, Cai and DasGupta 2001).
    assert wilson.mean() == pytest.approx(0.95, abs=0.01)
    assert wilson.min() > 0.83
    assert exact_coverages("clopper_pearson", total, grid).min() >= 0.95


def test_the_edges_are_exact():
    none_of_none = rate(0, 0)
    assert math.isnan(none_of_none.estimate)
    assert (none_of_none.low, none_of_none.high, none_of_none.upper_if_zero) == (0.0, 1.0, 1.0)
    for method in ("wilson", "clopper_pearson"):
        assert rate(0, 40, method=method).low == 0.0
        assert rate(40, 40, method=method).high == 1.0


def test_the_zero_failure_bound_is_the_one_sided_exact_bound():
    for total in (1, 14, 40, 300, 10**6):
        _, high = binomtest(0, total, alternative="less").proportion_ci(0.95, method="exact")
        assert zero_failure_upper_bound(total) == pytest.approx(high, rel=1e-9)
        assert rate(0, total).upper_if_zero == zero_failure_upper_bound(total)


def test_the_zero_failure_bound_nears_the_rule_of_three():
    # Hanley and Lippman-Hand (JAMA 249, 1983): the rule is 3/14 = 21 % for 14, 19 % is exact.
    assert round(zero_failure_upper_bound(14), 2) == 0.19
    assert zero_failure_upper_bound(0) == 1.0
    for total in (30, 100, 1000):
        # -ln(0.05) is 2.9957, so the rule overstates; by less than 6 % from 30 trials up.
        assert zero_failure_upper_bound(total) < 3 / total < 1.06 * zero_failure_upper_bound(total)


@given(st.integers(0, 10_000), st.sampled_from([0.9, 0.95, 0.99]))
def test_the_zero_failure_bound_solves_its_equation(total, confidence):
    bound = zero_failure_upper_bound(total, confidence=confidence)
    assert (1 - bound) ** total == pytest.approx(1 - confidence if total else 1.0)
    assert zero_failure_upper_bound(total + 1, confidence=confidence) < bound


@pytest.mark.parametrize(("count", "total"), [(-1, 4), (5, 4), (0, -1)])
def test_impossible_counts_are_refused(count, total):
    with pytest.raises(ValueError, match=r"count must be in 0\.\.total"):
        rate(count, total)


def test_wrong_kinds_of_argument_are_refused():
    with pytest.raises(TypeError):
        rate(1.5, 4)
    with pytest.raises(TypeError):
        zero_failure_upper_bound(2.0)
    with pytest.raises(ValueError, match="must not be negative"):
        zero_failure_upper_bound(-1)
    with pytest.raises(ValueError, match="no interval method 'wald'"):
        rate(1, 4, method="wald")
    for confidence in (0.0, 1.0, 95, math.nan):
        with pytest.raises(ValueError, match="confidence must lie between"):
            rate(1, 4, confidence=confidence)


def test_counts_of_numpy_come_out_as_plain_numbers():
    value = rate(np.int64(3), np.int64(40))
    assert [type(v) for v in (value.count, value.estimate, value.low)] == [int, float, float]
