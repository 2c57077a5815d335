"""What groups could have shown: against the exact permutation on runs that swing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from iluvatar_bench.stats.group_power import (
    fewest_groups,
    group_power,
    groups_to_see,
    visible_group_difference,
)
from iluvatar_bench.stats.replicates import permute_runs
from tests.stats.drifting_blocks import clustered_failures

TRIALS = 40


def swinging(rng, groups: int, rate: float) -> np.ndarray:
    """The rates of so many runs of 40 trials, each with a rate of its own and with clusters."""
    rates = np.clip(rng.normal(rate, 0.06, groups), 0, 1)
    return np.array([clustered_failures(rng, TRIALS, one) for one in rates]) / TRIALS


@pytest.mark.parametrize("groups", [5, 6])
def test_it_is_seen_about_as_often_as_promised(groups):
    """The difference that long experience calls visible at 90 % is, in 80 to 97 of 100."""
    rng = np.random.default_rng(18)
    past = [swinging(rng, 200, 0.3), swinging(rng, 200, 0.3)]
    visible = visible_group_difference(*past, trials=TRIALS, groups=groups)
    assert 0.1 < visible < 0.5
    seen = [
        permute_runs(swinging(rng, groups, 0.3), swinging(rng, groups, 0.3 + visible)).p_value
        <= 0.05
        for _ in range(60)
    ]
    assert 0.8 <= np.mean(seen) <= 0.99


def test_runs_that_never_fail_cannot_show_what_would_rarely_fail():
    """Four against four, all without a failure: all four of a side must fail, with 90 %."""
    visible = visible_group_difference([0.0] * 4, [0.0] * 4, trials=TRIALS)
    assert (1 - (1 - visible) ** TRIALS) ** 4 == pytest.approx(0.9)
    # Of more runs fewer than all: 6 against 6 need five that fail, 2 C(6,5)/C(12,5) = 0.015.
    more = visible_group_difference([0.0] * 6, [0.0] * 6, trials=TRIALS)
    chance = 1 - (1 - more) ** TRIALS
    five_or_six = 6 * chance**5 * (1 - chance) + chance**6
    assert five_or_six == pytest.approx(0.9)


def test_too_few_groups_show_nothing():
    assert math.isinf(visible_group_difference([0.1, 0.2, 0.3], [0.2, 0.1, 0.3], trials=40))
    assert math.isinf(visible_group_difference([0.1], [0.2] * 8, trials=40))
    assert [fewest_groups(alpha) for alpha in (0.1, 0.05, 0.01)] == [3, 4, 5]


def test_how_many_more_is_the_first_number_that_shows_it():
    sides = ([0.2, 0.3, 0.25, 0.4], [0.3, 0.35, 0.2, 0.3])
    needed = groups_to_see(*sides, 0.1, trials=TRIALS)
    assert visible_group_difference(*sides, trials=TRIALS, groups=needed) <= 0.1
    assert visible_group_difference(*sides, trials=TRIALS, groups=needed - 1) > 0.1
    text = group_power(*sides, trials=TRIALS, alpha=0.05, what="run")
    assert text.endswith(f"; 10 points take {needed} runs a side")
    assert "with 90 %" in text
    alone = group_power([0.2], [0.3, 0.1], trials=TRIALS, alpha=0.05, what="day")
    assert alone == "one day of a side shows none: it takes 4 a side and more"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: visible_group_difference([0.1, 1.2], [0.1, 0.2], trials=9), "rates must lie"),
        (lambda: visible_group_difference([0.1] * 4, [0.2] * 4, trials=9, power=1), "power and"),
        (lambda: groups_to_see([0.1] * 4, [0.2] * 4, 0, trials=9), "difference must lie"),
        (lambda: groups_to_see([0.1], [0.2] * 4, 0.1, trials=9), "one group tells nothing"),
        (lambda: fewest_groups(0), "alpha must lie"),
    ],
)
def test_mistakes_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
