"""The difference of two rates against Newcombe's table, R, and exact coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, fisher_exact

from iluvatar_bench.stats import rate, rate_difference

COUNTS = st.integers(0, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))

# Newcombe, Statistics in Medicine 17 (1998) 873-890, table II, method 10.
NEWCOMBE_1998 = [
    ((56, 70), (48, 80), 0.0524, 0.3339),
    ((9, 10), (3, 10), 0.1705, 0.8090),
    ((6, 7), (2, 7), 0.0582, 0.8062),
    ((5, 56), (0, 29), -0.0381, 0.1926),
    ((0, 10), (0, 20), -0.1611, 0.2775),
    ((0, 10), (0, 10), -0.2775, 0.2775),
    ((10, 10), (0, 20), 0.6791, 1.0000),
    ((10, 10), (0, 10), 0.6075, 1.0000),
]


@pytest.mark.parametrize(("candidate", "baseline", "low", "high"), NEWCOMBE_1998)
def test_the_interval_matches_newcombes_table(candidate, baseline, low, high):
    value = rate_difference(*baseline, *candidate)
    assert (round(value.low, 4), round(value.high, 4)) == (low, high)


def test_the_p_value_matches_r():
    # R, ?fisher.test: the twins' convictions, and the lady tasting tea (two-sided).
    assert rate_difference(2, 17, 10, 13).p_value == pytest.approx(0.0005367, abs=5e-8)
    assert rate_difference(1, 4, 3, 4).p_value == pytest.approx(0.4857, abs=5e-5)


@given(COUNTS, COUNTS)
def test_it_is_newcombes_formula_and_mirrors(baseline, candidate):
    value = rate_difference(*baseline, *candidate)
    swapped = rate_difference(*candidate, *baseline)
    if 0 in (baseline[1], candidate[1]):
        assert math.isnan(value.estimate)
        assert (value.low, value.high, value.p_value) == (-1.0, 1.0, 1.0)
        return
    b, c = rate(*baseline), rate(*candidate)
    d = c.estimate - b.estimate
    assert value.estimate == d
    assert value.low == pytest.approx(d - math.hypot(c.estimate - c.low, b.high - b.estimate))
    assert value.high == pytest.approx(d + math.hypot(c.high - c.estimate, b.estimate - b.low))
    assert -1 <= value.low <= d <= value.high <= 1
    assert (value.low, value.high) == pytest.approx((-swapped.high, -swapped.low))
    assert value.p_value == pytest.approx(swapped.p_value)
    assert 0 <= value.p_value <= 1


def test_coverage_of_the_interval():
    n, p = 30, np.linspace(0.02, 0.98, 25)
    baseline, candidate = (axis.ravel() for axis in np.meshgrid(p, p))
    k = range(n + 1)
    found = [[rate_difference(x, n, y, n) for y in k] for x in k]
    low, high = (np.array([[getattr(v, e) for v in row] for row in found]) for e in ("low", "high"))
    coverage = []
    for b, c in zip(baseline, candidate, strict=True):
        chance = np.outer(binom.pmf(k, n, b), binom.pmf(k, n, c))
        coverage.append(chance[(low <= c - b) & (c - b <= high)].sum())
    assert np.mean(coverage) == pytest.approx(0.955, abs=0.01)
    assert min(coverage) > 0.90


def test_the_test_never_exceeds_its_level():
    n, k = 20, np.arange(21)
    p_values = np.array([[fisher_exact([[x, n - x], [y, n - y]]).pvalue for y in k] for x in k])
    ours = np.array([[rate_difference(x, n, y, n).p_value for y in k] for x in k])
    assert ours == pytest.approx(p_values)
    for p in np.linspace(0.01, 0.5, 50):
        chance = np.outer(binom.pmf(k, n, p), binom.pmf(k, n, p))
        assert chance[ours <= 0.05].sum() <= 0.05


def test_zero_against_zero_shows_nothing_and_says_how_little_it_knows():
    value = rate_difference(0, 40, 0, 40)
    assert value.p_value == 1.0
    assert value.low == -value.high
    assert value.high == rate(0, 40).high


def test_the_measured_effect_of_the_snapshot_reference():
    value = rate_difference(0, 40, 21, 40)
    assert value.p_value < 1e-7
    assert 0.35 < value.low < value.estimate == 21 / 40


@pytest.mark.parametrize("counts", [(5, 4, 0, 1), (0, 1, -1, 4)])
def test_impossible_counts_are_refused(counts):
    with pytest.raises(ValueError, match="count must be in"):
        rate_difference(*counts)
    with pytest.raises(ValueError, match="confidence"):
        rate_difference(0, 1, 0, 1, confidence=2)
