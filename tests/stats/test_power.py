"""Power and sample sizes against enumeration by scipy's Fisher test, R, and their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact
from statsmodels.stats.proportion import power_proportions_2indep

from iluvatar_bench.stats import (
    fisher_power,
    rate,
    trials_for_half_width,
    trials_to_exclude_rate,
    trials_to_see_difference,
    zero_failure_upper_bound,
)


def chance(k, n, p):
    return math.comb(n, k) * p**k * (1 - p) ** (n - k)


def power_by_enumeration(p_b, n_b, p_c, n_c, alpha):
    """Every table, each tested by scipy."""
    return sum(
        chance(x, n_b, p_b) * chance(y, n_c, p_c)
        for x in range(n_b + 1)
        for y in range(n_c + 1)
        if fisher_exact([[x, n_b - x], [y, n_c - y]]).pvalue <= alpha * (1 + 1e-7)
    )


@settings(max_examples=12)
@given(
    st.floats(0, 1),
    st.integers(1, 14),
    st.floats(0, 1),
    st.integers(1, 14),
    st.sampled_from([0.01, 0.05, 0.1]),
)
def test_power_is_the_enumeration(p_b, n_b, p_c, n_c, alpha):
    expected = power_by_enumeration(p_b, n_b, p_c, n_c, alpha)
    assert fisher_power(p_b, n_b, p_c, n_c, alpha=alpha) == pytest.approx(expected, abs=1e-9)


def test_power_at_many_trials_nears_the_normal_approximation():
    exact = fisher_power(0.5, 1500, 0.45, 1500)
    normal = power_proportions_2indep(-0.05, 0.5, 1500, alpha=0.05).power
    assert exact == pytest.approx(normal, abs=0.02)
    assert exact < normal  # Fisher's test is the conservative one


@given(st.floats(0, 1), st.integers(1, 60), st.floats(0, 1), st.integers(1, 60))
def test_power_does_not_care_which_side_is_which(p_b, n_b, p_c, n_c):
    power = fisher_power(p_b, n_b, p_c, n_c)
    assert 0 <= power <= 1
    assert power == pytest.approx(fisher_power(p_c, n_c, p_b, n_b), abs=1e-10)
    assert power == pytest.approx(fisher_power(1 - p_b, n_b, 1 - p_c, n_c), abs=1e-9)


def test_power_between_equal_rates_is_the_size_of_the_test():
    sizes = [fisher_power(p, 40, p, 40) for p in np.linspace(0, 1, 41)]
    assert max(sizes) <= 0.05
    assert max(sizes) > 0.02


def test_power_at_the_edges():
    assert fisher_power(0.5, 0, 0.5, 10) == 0.0
    assert fisher_power(0.0, 40, 1.0, 40) == 1.0
    assert fisher_power(0.0, 40, 0.0, 40) == 0.0
    # Three a side: the most extreme table has p = 0.1.
    assert fisher_power(0.0, 3, 1.0, 3) == 0.0
    assert fisher_power(0.0, 3, 1.0, 3, alpha=0.1) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("baseline", "candidate", "power"),
    [(0.525, 0.0, 0.9), (0.3, 0.0, 0.8), (0.1, 0.0, 0.8), (0.2, 0.05, 0.8), (0.9, 0.6, 0.9)],
)
def test_the_size_found_is_the_smallest(baseline, candidate, power):
    found = trials_to_see_difference(baseline, candidate, power=power)
    smaller = [fisher_power(baseline, n, candidate, n) for n in range(1, found)]
    assert max(smaller) < power <= fisher_power(baseline, found, candidate, found)
    assert trials_to_see_difference(candidate, baseline, power=power) == found


def test_forty_trials_suffice_for_a_bug_at_twenty_per_cent():
    # The question of the lab: 40 trials under each profile, and a fix that removes the bug.
    assert trials_to_see_difference(0.2, 0.0, power=0.8) <= 40
    assert trials_to_see_difference(0.05, 0.0, power=0.8) > 150


@given(st.floats(1e-4, 1.0), st.sampled_from([0.9, 0.95, 0.99]))
def test_excluding_a_rate_is_the_zero_bound_turned_around(failure_rate, confidence):
    trials = trials_to_exclude_rate(failure_rate, confidence=confidence)
    tolerance = 1e-9
    assert zero_failure_upper_bound(trials, confidence=confidence) <= failure_rate + tolerance
    if trials > 1:
        one_less = zero_failure_upper_bound(trials - 1, confidence=confidence)
        assert one_less > failure_rate - tolerance


def test_excluding_a_rate_matches_the_known_numbers():
    # "59 trials without a failure show 5 % at 95 %": Wilks, and every reliability handbook.
    assert trials_to_exclude_rate(0.05) == 59
    assert trials_to_exclude_rate(0.01) == 299
    assert trials_to_exclude_rate(0.10) == 29
    assert trials_to_exclude_rate(0.95) == trials_to_exclude_rate(1.0) == 1


def wilson_half_width(p, n, z=1.959963984540054):
    return z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)


@pytest.mark.parametrize("expected_rate", [0.0, 0.1, 0.5, 0.93, 1.0])
@pytest.mark.parametrize("half_width", [0.2, 0.1, 0.05, 0.02])
def test_the_half_width_is_reached_and_not_before(expected_rate, half_width):
    trials = trials_for_half_width(expected_rate, half_width)
    assert wilson_half_width(expected_rate, trials) <= half_width
    assert wilson_half_width(expected_rate, trials - 1) > half_width


def test_the_worst_case_needs_93_trials_for_ten_per_cent():
    # n = z² (1/(4 d²) - 1) for p = 1/2: 3.8415 x 24 = 92.2.
    assert trials_for_half_width(0.5, 0.1) == 93
    assert rate(46, 92).half_width > 0.1
    assert trials_for_half_width(0.5, 0.4999) == 1


def test_impossible_requests_are_refused():
    for call, fault in [
        (lambda: fisher_power(1.5, 10, 0.5, 10), "baseline_rate must lie in 0..1"),
        (lambda: fisher_power(0.5, 10, math.nan, 10), "candidate_rate must lie in 0..1"),
        (lambda: fisher_power(0.5, -1, 0.5, 10), "trials must not be negative"),
        (lambda: fisher_power(0.5, 10, 0.5, 10, alpha=0), "alpha must lie between"),
        (lambda: trials_to_see_difference(0.5, 0.5), "equal rates"),
        (lambda: trials_to_see_difference(0.5, 0.4, power=1), "power must lie between"),
        (lambda: trials_to_see_difference(0.5, 0.4, max_trials=50), "more than 50 trials"),
        (lambda: trials_to_exclude_rate(0.0), "failure_rate must lie above 0"),
        (lambda: trials_for_half_width(0.5, 0.5), "half_width must lie between"),
        (lambda: trials_for_half_width(1.5, 0.1), "expected_rate must lie"),
    ]:
        with pytest.raises(ValueError, match=fault):
            call()
    with pytest.raises(TypeError):
        fisher_power(0.5, 10.5, 0.5, 10)
