"""What blocks can show: the approximation beside simulated power, and the floor by counting."""

from __future__ import annotations

import math

import numpy as np
import pytest

from iluvatar_bench.stats import blocks_to_see, sign_flip_test, visible_difference


@pytest.mark.parametrize("spread", [1.0, 2.5])
def test_the_stated_difference_is_seen_with_the_stated_power(spread):
    """Differences of 12 trials a side, drawn around the difference that is said to be visible."""
    rng = np.random.default_rng(4)
    seen = np.clip(rng.normal(0, spread, 400).round(), -12, 12)
    visible = visible_difference(seen / 12, repeats=12, blocks=25)
    shown = 0
    for _ in range(300):
        drawn = np.clip(rng.normal(12 * visible, spread, 25).round(), -12, 12).astype(int)
        shown += sign_flip_test(drawn).p_value <= 0.05
    assert 0.85 <= shown / 300 <= 0.96


def test_where_nothing_ever_failed_enough_blocks_must_hold_a_failure():
    """Six blocks of one sign are p = 2/2^6: independent trials, counted by simulation."""
    visible = visible_difference(np.zeros(20), repeats=6)
    rng = np.random.default_rng(5)
    failures = rng.binomial(6, visible, (2000, 20))
    shown = np.mean((failures > 0).sum(axis=1) >= 6)
    assert shown == pytest.approx(0.9, abs=0.025)
    assert sign_flip_test([1] * 6).p_value <= 0.05 < sign_flip_test([1] * 5).p_value


def test_planning_is_the_inverse_of_seeing():
    rng = np.random.default_rng(6)
    shares = rng.integers(-3, 4, 20) / 6
    for difference in (0.05, 0.2, 0.5):
        blocks = blocks_to_see(shares, difference, repeats=6)
        assert visible_difference(shares, repeats=6, blocks=blocks) <= difference
        assert visible_difference(shares, repeats=6, blocks=blocks - 1) > difference


def test_too_few_blocks_show_nothing():
    assert visible_difference([0.1, 0.2], repeats=6) == math.inf
    assert visible_difference([0.1], repeats=6, blocks=50) == math.inf
    assert visible_difference([1.0, -1.0] * 3, repeats=6) == math.inf
    with pytest.raises(ValueError, match="difference must lie"):
        blocks_to_see([0.1, 0.2], 0, repeats=6)
    with pytest.raises(ValueError, match="power and alpha"):
        visible_difference([0.1, 0.2], repeats=6, power=90)
    with pytest.raises(ValueError, match="more than 100000"):
        blocks_to_see([1.0, -1.0], 0.0001, repeats=1)
