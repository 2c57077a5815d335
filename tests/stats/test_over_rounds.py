"""Means and ratios over rounds, against closed forms and a t interval."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from iluvatar_bench.stats import mean_over_rounds, ratio_over_rounds


def test_the_interval_of_many_rounds_is_that_of_the_t_distribution() -> None:
    values = np.random.default_rng(3).normal(10, 2, size=200)
    found = mean_over_rounds(values)
    known = scipy.stats.t.interval(0.95, 199, loc=values.mean(), scale=scipy.stats.sem(values))
    assert found.estimate == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx(known, abs=0.05)
    assert found == mean_over_rounds(values)
    assert found != mean_over_rounds(values, seed=2)


def test_what_a_whole_round_is_slow_by_cancels_out() -> None:
    slow = np.array([1.0, 0.5, 0.25, 2.0])
    found = ratio_over_rounds(3.0 * slow, 2.0 * slow)
    assert (found.estimate, found.low, found.high) == pytest.approx((1.5, 1.5, 1.5))
    assert found.rounds == 4


def test_several_settings_are_one_geometric_mean() -> None:
    above = np.array([[2.0, 8.0], [2.0, 8.0], [2.0, 8.0]])
    assert ratio_over_rounds(above, np.ones((3, 2))).estimate == pytest.approx(4.0)


def test_few_rounds_have_no_interval() -> None:
    found = ratio_over_rounds([2.0, 8.0], [1.0, 1.0])
    assert found.estimate == pytest.approx(4.0)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [[1.0], [2.0]]])
def test_a_mean_needs_finite_values(values: list[float]) -> None:
    with pytest.raises(ValueError, match="one finite value a round"):
        mean_over_rounds(values)


@pytest.mark.parametrize(
    ("above", "below", "message"),
    [
        ([1.0], [1.0, 2.0], "two shapes that are equal"),
        ([1.0, 0.0], [1.0, 2.0], "positive, finite"),
        ([1.0, math.inf], [1.0, 2.0], "positive, finite"),
    ],
)
def test_a_ratio_needs_positive_values(
    above: list[float], below: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ratio_over_rounds(above, below)
