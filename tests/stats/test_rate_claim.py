"""Claims "below so many": a printed table, enumeration with whole numbers, simulation."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from iluvatar_bench.stats import (
    chance_of_claim,
    claim_bound,
    claim_plans,
    starts_for_claim,
    trials_to_exclude_rate,
)

# Review of Particle Physics (Particle Data Group), chapter Statistics, table of limits for the mean
# of a Poisson variable: n, upper at 90 %, upper at 95 %.
PRINTED = [
    (0, 2.30, 3.00),
    (1, 3.89, 4.74),
    (2, 5.32, 6.30),
    (3, 6.68, 7.75),
    (4, 7.99, 9.15),
    (5, 9.27, 10.51),
    (6, 10.53, 11.84),
    (10, 15.41, 16.96),
]


@pytest.mark.parametrize(("events", "at_90", "at_95"), PRINTED)
@pytest.mark.parametrize("model", ["binomial", "poisson"])
def test_one_in_a_million_takes_the_printed_number_of_millions(events, at_90, at_95, model):
    for confidence, printed in ((0.90, at_90), (0.95, at_95)):
        starts = starts_for_claim(1e-6, events=events, confidence=confidence, model=model)
        assert starts / 1e6 == pytest.approx(printed, abs=0.0051)


def exactly_at_most(events: int, starts: int, rate: Fraction) -> Fraction:
    return sum(
        (math.comb(starts, k) * rate**k * (1 - rate) ** (starts - k) for k in range(events + 1)),
        Fraction(0),
    )


@pytest.mark.parametrize("rate", [Fraction(1, 20), Fraction(1, 7), Fraction(1, 2)])
@pytest.mark.parametrize("events", [0, 1, 3])
def test_it_is_the_fewest_that_suffice_counted_with_whole_numbers(rate, events):
    starts = starts_for_claim(float(rate), events=events)
    assert exactly_at_most(events, starts, rate) <= Fraction(1, 20)
    assert exactly_at_most(events, starts - 1, rate) > Fraction(1, 20)
    assert chance_of_claim(float(rate), starts=starts, events=events) == pytest.approx(
        float(exactly_at_most(events, starts, rate)), rel=1e-9
    )


@given(st.floats(1e-12, 0.9), st.integers(0, 20))
def test_the_bound_after_so_many_starts_is_the_claim(rate, events):
    starts = starts_for_claim(rate, events=events)
    assert claim_bound(events, starts) <= rate * (1 + 1e-7)
    assert claim_bound(events, starts - 1) >= rate * (1 - 1e-7)


@given(st.floats(1e-12, 0.9))
@example(1.3370219636900437e-09)
@example(3.952815856989847e-08)
@example(0.95)
def test_without_a_failure_it_is_the_rule_of_three_turned_around(rate):
    """Held against sixty digits: ln(1 - confidence) / ln(1 - rate), rounded up.

    Of the examples one too few was once enough: 2,240,600,643.0017 starts were 2,240,600,643.
    """
    confidence = 0.95
    starts = starts_for_claim(rate, confidence=confidence)
    assert starts == trials_to_exclude_rate(rate, confidence=confidence)
    with localcontext(prec=60):
        exact = (1 - Decimal(confidence)).ln() / (1 - Decimal(rate)).ln()
        # What is a whole number but for the digits of a float is that number.
        assert starts - 1 < exact <= starts * (1 + Decimal(2) / 10**15)


@given(st.integers(0, 30), st.integers(1, 3000))
def test_the_bound_is_clopper_and_pearsons(events, more):
    other = proportion_confint(events, events + more, alpha=0.1, method="beta")[1]
    assert claim_bound(events, events + more) == pytest.approx(other, rel=1e-9)


def test_a_worker_that_is_as_bad_as_the_claim_gets_it_in_one_experiment_of_twenty():
    """Starts drawn one by one, in no formula: 2,000 experiments at the claimed rate itself."""
    random = np.random.default_rng(7)
    for events in (0, 2):
        starts = starts_for_claim(0.02, events=events)
        failed = (random.random((2_000, starts)) < 0.02).sum(axis=1)
        claimed = np.mean(failed <= events)
        # At most 5 %; so few starts come close to it. 2 standard deviations are 1 %.
        assert 0.035 <= claimed <= 0.06
        halved = (random.random((2_000, starts)) < 0.01).sum(axis=1)
        expected = chance_of_claim(0.01, starts=starts, events=events)
        assert np.mean(halved <= events) == pytest.approx(expected, abs=0.034)


def test_a_plan_in_hosts_hours_and_money():
    """Counted by hand: 2,995,731 starts at 2 a second are 416 host-hours, on 10 hosts 41.6."""
    plans = claim_plans(
        1e-6, true_rate=1e-7, hosts=10, starts_per_second=2, price_per_host_hour=0.5
    )
    first = plans.iloc[0]
    assert first["starts"] == 2_995_731
    assert first["host_hours"] == pytest.approx(416.07, abs=0.01)
    assert first["hours"] == pytest.approx(41.607, abs=0.001)
    assert first["cost"] == pytest.approx(208.04, abs=0.01)
    assert first["chance"] == pytest.approx(math.exp(-0.2995731), rel=1e-4)
    assert plans["chance"].is_monotonic_increasing
    assert plans["events_allowed"].tolist() == [0, 1, 2, 3]


def test_events_that_may_take_three_must_be_three_times_as_rare():
    asked = {"true_rate": 0.0, "hosts": 1, "starts_per_second": 1.0}
    alone, three = (
        claim_plans(1e-4, containers_an_event=n, **asked)["starts"].iloc[0] for n in (1, 3)
    )
    assert three / alone == pytest.approx(3, rel=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rate": 0.0}, "between 0 and 1, not 0.0"),
        ({"rate": 1.0}, "between 0 and 1, not 1.0"),
        ({"hosts": 0}, "at least one host"),
        ({"starts_per_second": 0.0}, "above 0, not 0.0"),
        ({"price_per_host_hour": -1.0}, "must not be negative"),
        ({"true_rate": 1.5}, "must lie in 0..1"),
        ({"confidence": 95}, "between 0 and 1, not 95"),
    ],
)
def test_plans_that_cannot_be_are_refused(change, message):
    asked = {"rate": 1e-3, "true_rate": 0.0, "hosts": 1, "starts_per_second": 1.0, **change}
    with pytest.raises(ValueError, match=message):
        claim_plans(asked.pop("rate"), **asked)


def test_other_refusals():
    with pytest.raises(ValueError, match="no model 'normal'"):
        starts_for_claim(0.1, model="normal")
    with pytest.raises(ValueError, match="6 events of 5"):
        claim_bound(6, 5)
    with pytest.raises(ValueError, match="must not be negative"):
        chance_of_claim(0.1, starts=-1)
    assert claim_bound(0, 0) == claim_bound(5, 5) == 1.0
