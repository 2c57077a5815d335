"""Runs as units: the permutation by hand, and what few runs cannot reach."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from iluvatar_bench.stats import permute_runs


def by_hand(baseline, candidate):
    runs, size = [*baseline, *candidate], len(candidate)
    seen = np.mean(candidate) - np.mean(baseline)
    above, below, total = 0, 0, 0
    for chosen in itertools.combinations(range(len(runs)), size):
        one = [runs[i] for i in chosen]
        other = [runs[i] for i in range(len(runs)) if i not in chosen]
        difference = np.mean(one) - np.mean(other)
        above += difference >= seen - 1e-12
        below += difference <= seen + 1e-12
        total += 1
    return min(1.0, 2 * min(above, below) / total)


@pytest.mark.parametrize(
    ("baseline", "candidate"),
    [
        ([0.1, 0.2, 0.15, 0.12], [0.4, 0.3, 0.5, 0.35]),
        ([0.5, 0.2, 0.4], [0.3, 0.6, 0.45, 0.1]),
        ([0.0, 0.0], [0.0, 0.0]),
        ([0.25, 0.5, 0.75], [0.25, 0.5, 0.75]),
    ],
)
def test_it_counts_every_arrangement(baseline, candidate):
    assert permute_runs(baseline, candidate).p_value == pytest.approx(by_hand(baseline, candidate))


def test_three_against_three_cannot_reach_one_in_twenty():
    found = permute_runs([0.0] * 3, [1.0] * 3)
    assert found.p_value == found.smallest_p == pytest.approx(0.1)
    assert permute_runs([0.0] * 4, [1.0] * 4).p_value == pytest.approx(2 / 70)
    assert permute_runs([0.0] * 4, [1.0] * 4).difference == 1


@pytest.mark.parametrize("runs", [[0.1], [0.1] * 11, [0.1, 1.2], [0.1, float("nan")]])
def test_what_cannot_be_permuted_is_refused(runs):
    with pytest.raises(ValueError, match=r"runs a side|must lie"):
        permute_runs([0.1, 0.2], runs)
