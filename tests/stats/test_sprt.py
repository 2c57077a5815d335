"""The sequential test against NIST's printed plan, Wald's bounds, and a seeded simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from iluvatar_bench.stats import Decision, Sprt

# NIST/SEMATECH e-Handbook, 6.2.6 "What is a sequential sampling plan?".
NIST = Sprt(low_rate=0.01, high_rate=0.10, alpha=0.05, beta=0.10, max_trials=2000)


def first_trial(sprt, failures, decision):
    return next(n for n in range(max(1, failures), 500) if sprt.decide(failures, n) is decision)


@given(st.integers(0, 30))
def test_so_many_trials_make_it_low_and_no_fewer(failures):
    trials = NIST.trials_to_low(failures)
    assert NIST.decide(failures, trials) is Decision.LOW
    assert trials == failures or NIST.decide(failures, trials - 1) is not Decision.LOW


def test_nist_accepts_at_the_24th_and_a_fix_that_failed_never_does():
    assert NIST.trials_to_low(0) == 24
    assert Sprt(low_rate=0.0, high_rate=0.2, max_trials=50).trials_to_low(1) is None
    with pytest.raises(ValueError, match="count must be"):
        NIST.trials_to_low(-1)


def test_the_plan_is_nists():
    # Printed there: accept at or below -0.939 + 0.0397 n failures, reject from 1.205 + 0.0397 n.
    scale = NIST.log_likelihood_ratio(1, 1) - NIST.log_likelihood_ratio(0, 1)
    assert NIST.lower_bound / scale == pytest.approx(-0.939, abs=5e-4)
    assert NIST.upper_bound / scale == pytest.approx(1.205, abs=5e-4)
    assert -NIST.log_likelihood_ratio(0, 1) / scale == pytest.approx(0.0397, abs=5e-5)
    # Its table: nothing can be accepted before the 24th; two failures reject from the start.
    assert first_trial(NIST, 0, Decision.LOW) == 24
    assert NIST.decide(2, 2) is Decision.HIGH
    assert NIST.decide(1, 1) is Decision.GO_ON


@given(st.integers(0, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_evidence_is_the_ratio_of_the_likelihoods(counts):
    expected = binom.logpmf(*counts, 0.10) - binom.logpmf(*counts, 0.01)
    assert NIST.log_likelihood_ratio(*counts) == pytest.approx(expected, abs=1e-8)


PLANS = st.builds(
    lambda low, gap, alpha, beta: Sprt(
        low_rate=low, high_rate=low + gap, alpha=alpha, beta=beta, max_trials=400
    ),
    st.floats(0.0, 0.3),
    st.floats(0.2, 0.6),
    st.sampled_from([0.01, 0.05, 0.1]),
    st.sampled_from([0.01, 0.05, 0.1]),
)


@given(PLANS)
def test_the_true_errors_respect_walds_bounds(sprt):
    at_low = sprt.characteristics(sprt.low_rate)
    at_high = sprt.characteristics(sprt.high_rate)
    assert at_low.p_exhausted < 1e-3
    assert at_low.p_high <= sprt.alpha / (1 - sprt.beta) + 1e-9
    assert at_high.p_low <= sprt.beta / (1 - sprt.alpha) + 1e-9
    assert at_low.p_high + at_high.p_low <= sprt.alpha + sprt.beta + 1e-9
    for found in (at_low, at_high):
        assert found.p_low + found.p_high + found.p_exhausted == pytest.approx(1)
        assert 1 <= found.expected_trials <= 400


@pytest.mark.parametrize("true_rate", [0.45, 0.55, 0.6])
def test_the_expected_number_of_trials_nears_walds(true_rate):
    # Wald's approximation neglects the overshoot, which is small where the steps are.
    sprt = Sprt(low_rate=0.45, high_rate=0.55, max_trials=1500)
    found = sprt.characteristics(true_rate)
    without, with_failure = (sprt.log_likelihood_ratio(k, 1) for k in (0, 1))
    mean_step = true_rate * with_failure + (1 - true_rate) * without
    at_the_end = found.p_low * sprt.lower_bound + found.p_high * sprt.upper_bound
    wald = at_the_end / mean_step
    assert wald <= found.expected_trials == pytest.approx(wald, rel=0.06)


def test_the_characteristics_match_a_simulation():
    rng = np.random.default_rng(1947)
    sprt = Sprt(low_rate=0.05, high_rate=0.3, max_trials=60)
    repeats, lengths = 2000, []
    ends = dict.fromkeys((Decision.LOW, Decision.HIGH, Decision.EXHAUSTED), 0)
    for counts in (rng.random((repeats, 60)) < 0.15).cumsum(axis=1):
        for trials, failures in enumerate(counts, start=1):
            decision = sprt.decide(int(failures), trials)
            if decision is not Decision.GO_ON:
                ends[decision] += 1
                lengths.append(trials)
                break
    exact = sprt.characteristics(0.15)
    shares = [ends[d] / repeats for d in (Decision.LOW, Decision.HIGH, Decision.EXHAUSTED)]
    assert shares == pytest.approx([exact.p_low, exact.p_high, exact.p_exhausted], abs=0.03)
    assert np.mean(lengths) == pytest.approx(exact.expected_trials, rel=0.05)


def test_a_fix_that_must_hold_falls_with_the_first_failure():
    sprt = Sprt(low_rate=0.0, high_rate=0.1, max_trials=100)
    assert sprt.decide(1, 1) is Decision.HIGH
    assert sprt.log_likelihood_ratio(1, 50) == math.inf
    # Without a failure it is the zero-failure bound: ln(beta / (1 - alpha)) / ln(1 - 0.1).
    assert first_trial(sprt, 0, Decision.LOW) == math.ceil(math.log(0.05 / 0.95) / math.log(0.9))
    assert sprt.characteristics(0.0).p_low == 1.0
    assert sprt.characteristics(1.0).expected_trials == 1.0


def test_it_gives_up_at_max_trials():
    sprt = Sprt(low_rate=0.1, high_rate=0.2, max_trials=20)
    assert sprt.decide(3, 19) is Decision.GO_ON
    assert sprt.decide(3, 20) is Decision.EXHAUSTED
    assert sprt.decide(20, 20) is Decision.HIGH
    assert sprt.characteristics(0.15).p_exhausted > 0.5


def test_no_trials_say_nothing():
    assert NIST.log_likelihood_ratio(0, 0) == 0.0
    assert NIST.decide(0, 0) is Decision.GO_ON


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"low_rate": 0.2, "high_rate": 0.2}, "0 <= low < high < 1"),
        ({"low_rate": -0.1, "high_rate": 0.2}, "0 <= low < high < 1"),
        ({"low_rate": 0.1, "high_rate": 1.0}, "0 <= low < high < 1"),
        ({"low_rate": 0.1, "high_rate": 0.2, "alpha": 0.0}, "alpha and beta"),
        ({"low_rate": 0.1, "high_rate": 0.2, "alpha": 0.5, "beta": 0.5}, "alpha and beta"),
        ({"low_rate": 0.1, "high_rate": 0.2, "max_trials": 0}, "max_trials"),
    ],
)
def test_impossible_tests_are_refused(options, fault):
    with pytest.raises(ValueError, match=fault):
        Sprt(**{"max_trials": 10, **options})


def test_impossible_counts_and_rates_are_refused():
    with pytest.raises(ValueError, match="count must be in"):
        NIST.decide(2, 1)
    with pytest.raises(ValueError, match="true_rate must lie"):
        NIST.characteristics(1.5)
