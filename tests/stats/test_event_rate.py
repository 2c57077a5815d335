"""Failures by events: Garwood's printed table, and containers simulated one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from iluvatar_bench.stats import event_rate


@pytest.mark.parametrize(
    ("events", "low", "high"),
    # Garwood (Biometrika 28, 1936); also Pearson and Hartley, Biometrika Tables, table 40.
    [(0, 0.0, 3.69), (1, 0.0253, 5.57), (2, 0.242, 7.22), (5, 1.62, 11.67), (10, 4.80, 18.39)],
)
@pytest.mark.parametrize("size", [1, 3])
def test_equal_events_have_the_printed_interval(events, low, high, size):
    found = event_rate([size] * events, 1000, largest_event=size)
    assert (found.events, found.failures) == (events, events * size)
    assert 1000 * found.low == pytest.approx(low, abs=0.005)
    assert 1000 * found.high == pytest.approx(high, abs=0.005)
    assert 1000 * found.failures_low == pytest.approx(size * low, abs=0.005 * size)
    assert 1000 * found.failures_high == pytest.approx(size * high, abs=0.005 * size)


def test_containers_of_unequal_events_are_covered_in_a_simulation():
    """Nodes lived through start by start; the rate is the mean of many lives, not a formula."""
    random = np.random.default_rng(1)
    starts, lives = 400, 1500
    begins = random.random((lives, starts)) < 0.01
    sizes = random.choice([1, 1, 1, 4, 8], size=begins.sum())
    lives_of = np.nonzero(begins)[0]
    true_rate = sizes.sum() / (lives * starts)
    wrong = 0
    for life in range(lives):
        mine = sizes[lives_of == life].tolist()
        if sum(mine) > starts:
            continue
        found = event_rate(mine, starts, largest_event=8)
        wrong += not found.failures_low <= true_rate <= found.failures_high
        assert found.failures_high - found.failures_low >= found.high - found.low
    # 95 % nominal: at most 5 % are wrong, and a binomial count of 1500 swings by 1.1 % (2 sd).
    assert wrong / lives <= 0.05 + 0.011


def test_edges():
    nothing = event_rate([], 0)
    assert math.isnan(nothing.per_start)
    assert (nothing.low, nothing.high, nothing.failures_high) == (0.0, 1.0, 1.0)
    assert event_rate([], 10**6, largest_event=24).failures_high == pytest.approx(
        24 * 3.689e-6, 1e-3
    )
    assert event_rate([40], 40).failures_high == 1.0


@pytest.mark.parametrize(
    ("sizes", "starts", "largest", "message"),
    [
        ([0], 10, None, "at least one container"),
        ([1], 10, 0, "at least one container"),
        ([6, 5], 10, None, "11 failures of 10"),
        ([], -1, None, "0 failures of -1"),
    ],
)
def test_what_cannot_be_is_refused(sizes, starts, largest, message):
    with pytest.raises(ValueError, match=message):
        event_rate(sizes, starts, largest_event=largest)
