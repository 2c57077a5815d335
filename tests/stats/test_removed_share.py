"""The bound of the share removed: known values, and exact coverage by enumeration."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy

from iluvatar_bench.stats import events_to_bound, removed_share_bound
from iluvatar_bench.stats.removed_share import events_to_see, visible_share


def test_sixteen_against_none_is_not_nine_tenths():
    assert removed_share_bound(16, 100, 0, 100) == pytest.approx(0.794, abs=5e-4)
    assert removed_share_bound(31, 100, 0, 100) < 0.9 <= removed_share_bound(32, 100, 0, 100)
    assert events_to_bound(0.9) == 32
    # Twice the trials at the level: each of its events weighs half as much.
    assert removed_share_bound(32, 200, 0, 100) == pytest.approx(1 - 2 * (1 - 0.90186), abs=1e-4)


@pytest.mark.parametrize("share", [0.5, 0.8, 0.9, 0.95])
def test_fewer_events_than_it_says_are_too_few(share):
    needed = events_to_bound(share)
    assert removed_share_bound(needed, 500, 0, 500) >= share
    assert removed_share_bound(needed - 1, 500, 0, 500) < share


@pytest.mark.parametrize(("level", "share"), [(0.05, 0.9), (0.3, 0.9), (0.3, 0.5), (0.8, 0.95)])
def test_it_lies_above_the_truth_in_at_most_five_in_a_hundred(level, share):
    """Every pair of counts of 80 trials, weighed with its binomial probability."""
    counts = np.arange(81)
    chances = [scipy.stats.binom.pmf(counts, 80, rate) for rate in (level, level * (1 - share))]
    too_high = sum(
        chances[0][x] * chances[1][y]
        for x in counts
        for y in counts
        if chances[0][x] * chances[1][y] > 1e-12
        and removed_share_bound(int(x), 80, int(y), 80) > share
    )
    assert too_high <= 0.05


@pytest.mark.parametrize("events", [8, 16, 34, 80])
def test_a_share_is_seen_with_the_power_that_is_stated(events):
    """Scipy's exact binomial test over all counts, weighed with their probability."""
    share = visible_share(events, alpha=0.05)
    on_level = scipy.stats.binom(events, 1 / (2 - share))
    seen = [scipy.stats.binomtest(x, events).pvalue <= 0.05 for x in range(events + 1)]
    high = np.arange(events + 1) > events / 2
    power = float((on_level.pmf(np.arange(events + 1)) * seen * high).sum())
    assert power == pytest.approx(0.9)
    needed = events_to_see(share, alpha=0.05)
    assert needed <= events
    assert visible_share(needed, alpha=0.05) <= share < visible_share(needed - 1, alpha=0.05)


def test_five_events_show_nothing():
    assert visible_share(5) == math.inf
    assert visible_share(6) < 1
    assert math.isnan(visible_share(0))


def test_edges_and_mistakes():
    assert removed_share_bound(0, 10, 0, 10) == -math.inf
    assert removed_share_bound(5, 10, 0, 0) == -math.inf
    assert removed_share_bound(3, 10, 9, 10) < 0
    with pytest.raises(ValueError, match="count must be"):
        removed_share_bound(11, 10, 0, 10)
    with pytest.raises(ValueError, match="share must lie"):
        events_to_bound(1)
    with pytest.raises(ValueError, match="share must lie"):
        events_to_see(1)
    with pytest.raises(ValueError, match="must not be negative"):
        visible_share(-1)
    with pytest.raises(ValueError, match="power and alpha"):
        visible_share(9, power=1)
