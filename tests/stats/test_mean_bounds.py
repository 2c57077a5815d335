"""Bounds that hold at every look: expectation by enumeration, coverage at the worst moment."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from iluvatar_bench.stats import mean_bounds, mean_evidence


@pytest.mark.parametrize("mean", [-0.6, 0.0, 0.3])
def test_the_expected_evidence_is_1_at_the_hypothesis_and_less_below_it(mean):
    """A difference is -1, 0 or 1 with the mean asked for; all 3^6 sequences, weighed."""
    chances = {-1: (1 - mean) / 2 - 0.1, 0: 0.2, 1: (1 + mean) / 2 - 0.1}
    at, below = np.zeros(7), np.zeros(7)
    for steps in itertools.product((-1, 0, 1), repeat=6):
        weight = np.prod([chances[step] for step in steps])
        at += weight * mean_evidence(steps, at_most=mean)
        below += weight * mean_evidence(steps, at_most=min(1.0, mean + 0.2))
    assert at == pytest.approx(np.ones(7))
    assert (np.diff(below) < 0).all()


def test_the_bounds_hold_at_the_worst_of_60_looks_and_are_not_trivial():
    """Clustered and skewed: one side loses five at once now and then. 200 sequences."""
    rng = np.random.default_rng(8)
    missed, widths = 0, []
    for _ in range(200):
        shares = (rng.binomial(5, 0.3, 60) - np.where(rng.random(60) < 0.2, 5, 0)) / 6
        evidence = [
            mean_evidence(s, at_most=t).max() for s, t in ((shares, 1 / 12), (-shares, -1 / 12))
        ]
        missed += max(evidence) >= 40
    for _ in range(5):
        shares = (rng.binomial(5, 0.3, 60) - np.where(rng.random(60) < 0.2, 5, 0)) / 6
        low, high = mean_bounds(shares)
        assert low <= shares.mean() <= high
        widths.append(high - low)
    # 5 % of 200 is 10; 20 has a chance below 1 % at a true 5 %.
    assert missed <= 19
    assert max(widths) < 0.8


def test_a_bound_is_where_the_evidence_reaches_what_is_needed():
    shares = np.array([0.5, 0.2, 0.7, -0.1, 0.4] * 4)
    low, high = mean_bounds(shares, confidence=0.9)
    assert mean_evidence(shares, at_most=low).max() == pytest.approx(20, rel=1e-3)
    assert mean_evidence(-shares, at_most=-high).max() == pytest.approx(20, rel=1e-3)
    assert mean_bounds(-shares, confidence=0.9) == pytest.approx((-high, -low), abs=1e-5)


def test_without_a_block_anything_is_possible_and_more_blocks_say_more():
    assert mean_bounds([]) == (-1.0, 1.0)
    widths = [np.subtract(*mean_bounds(np.zeros(blocks))[::-1]) for blocks in (1, 5, 20, 80)]
    assert widths == sorted(widths, reverse=True)
    assert mean_bounds(np.ones(3000))[0] > 0.99


@pytest.mark.parametrize("at_most", [-1.0, 1.1, float("nan")])
def test_impossible_hypotheses_are_refused(at_most):
    with pytest.raises(ValueError, match="at_most"):
        mean_evidence([0.1], at_most=at_most)
    with pytest.raises(ValueError, match="confidence"):
        mean_bounds([0.1], confidence=95)
