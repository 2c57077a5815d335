"""Stopping at a precision: the rule, and the exact coverage of the interval it leaves behind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iluvatar_bench.stats import Decision, Sprt, StoppingRule, UntilPrecise, rate


@given(st.integers(0, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_it_stops_when_the_interval_is_narrow_enough(counts):
    rule = UntilPrecise(half_width=0.1, max_trials=80)
    decision = rule.decide(*counts)
    if rate(*counts).half_width <= 0.1:
        assert decision is Decision.PRECISE
    else:
        assert decision is (Decision.EXHAUSTED if counts[1] >= 80 else Decision.GO_ON)


def test_no_failures_do_not_stop_it_at_once():
    rule = UntilPrecise(half_width=0.05, max_trials=1000)
    decisions = [rule.decide(0, n) for n in range(40)]
    assert decisions.index(Decision.PRECISE) == 35
    assert set(decisions[:35]) == {Decision.GO_ON}


def coverage_at_the_stop(rule, rates):
    """Exact, for every true rate: steps the distribution of the failure count trial by trial."""
    covered = np.zeros(len(rates))
    undecided = np.ones((len(rates), 1))
    for trials in range(1, rule.max_trials + 1):
        next_undecided = np.zeros((len(rates), trials + 1))
        next_undecided[:, :-1] += undecided * (1 - rates[:, None])
        next_undecided[:, 1:] += undecided * rates[:, None]
        undecided = next_undecided
        for failures in np.flatnonzero(undecided.max(axis=0) > 1e-15).tolist():
            if rule.decide(failures, trials) is not Decision.GO_ON:
                found = rate(failures, trials)
                inside = (found.low <= rates) & (rates <= found.high)
                covered += undecided[:, failures] * inside
                undecided[:, failures] = 0.0
    return covered


@pytest.mark.parametrize("half_width", [0.1, 0.075])
def test_looking_after_every_trial_hardly_costs_coverage(half_width):
    rule = UntilPrecise(half_width=half_width, max_trials=200)
    coverage = coverage_at_the_stop(rule, np.linspace(0.02, 0.98, 97))
    assert coverage.min() >= 0.92  # what the docstring promises
    assert coverage.mean() == pytest.approx(0.953, abs=0.005)


def test_both_rules_are_stopping_rules():
    rules: list[StoppingRule] = [
        UntilPrecise(half_width=0.1, max_trials=10),
        Sprt(low_rate=0.01, high_rate=0.2, max_trials=10),
    ]
    assert [rule.decide(0, 10) for rule in rules] == [Decision.EXHAUSTED] * 2


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"half_width": 0.0, "max_trials": 10}, "half_width"),
        ({"half_width": 0.5, "max_trials": 10}, "half_width"),
        ({"half_width": 0.1, "max_trials": 0}, "max_trials"),
        ({"half_width": 0.1, "max_trials": 10, "confidence": 1.0}, "confidence"),
    ],
)
def test_impossible_rules_are_refused(options, fault):
    with pytest.raises(ValueError, match=fault):
        UntilPrecise(**options)


def test_impossible_counts_are_refused():
    rule = UntilPrecise(half_width=0.1, max_trials=10)
    with pytest.raises(ValueError, match="count must be in"):
        rule.decide(3, 2)
    with pytest.raises(TypeError):
        rule.decide(0.5, 2)
