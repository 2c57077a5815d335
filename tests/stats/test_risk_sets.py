"""Failures against their risk sets: known distributions, enumeration, exact coverage."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy
from statsmodels.discrete.conditional_models import ConditionalLogit

from iluvatar_bench.stats import matched_effect


@pytest.mark.parametrize(("exposed", "failures", "members"), [(9, 10, 2), (7, 12, 2), (5, 6, 4)])
def test_sets_alike_are_the_binomial_test(exposed, failures, members):
    """Half of each set exposed: the sign test, and Clopper and Pearson's bound of its odds."""
    had = [True] * exposed + [False] * (failures - exposed)
    found = matched_effect(had, [members // 2] * failures, [members] * failures)
    oracle = scipy.stats.binomtest(exposed, failures, 0.5, alternative="greater")
    assert found.p_value == pytest.approx(oracle.pvalue)
    low = oracle.proportion_ci(0.95, method="exact").low
    assert found.ratio_at_least == pytest.approx(low / (1 - low), rel=1e-6)
    assert found.expected == failures / 2


def test_p_is_the_share_of_all_ways_to_draw_the_failures():
    """Each member of each set as the one that failed: 3 x 4 x 5 x 6 equally likely ways."""
    sets = [(1, 3), (3, 4), (2, 5), (1, 6)]  # of so many members so many are exposed
    ways = list(itertools.product(*(range(n) for _, n in sets)))
    counts = [sum(drawn < m for drawn, (m, _) in zip(way, sets, strict=True)) for way in ways]
    for least in range(5):
        had = [number < least for number in range(4)]
        found = matched_effect(had, [m for m, _ in sets], [n for _, n in sets])
        assert found.p_value == pytest.approx(np.mean(np.array(counts) >= least))


def test_sets_of_several_sizes_agree_with_conditional_logistic_regression():
    """Statsmodels' estimate of the ratio lies where half of the exact distribution does."""
    rng = np.random.default_rng(18)
    sets = [(int(rng.integers(1, n)), n) for n in rng.integers(3, 9, 60).tolist()]
    had = [bool(rng.random() < 3 * m / (3 * m + n - m)) for m, n in sets]
    rows = [
        (number, failed, exposed)
        for number, ((m, n), case) in enumerate(zip(sets, had, strict=True))
        for failed, exposed in [(1, case)] + [(0, i < m - case) for i in range(n - 1)]
    ]
    group, failed, exposed = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    fit = ConditionalLogit(failed, exposed[:, None], groups=group).fit(disp=False)
    estimate, error = float(np.exp(fit.params[0])), float(fit.bse[0])
    found = matched_effect(had, [m for m, _ in sets], [n for _, n in sets])
    # Wald's one-sided bound of the same estimate: close, for so many sets.
    wald = estimate * np.exp(-1.645 * error)
    assert found.ratio_at_least == pytest.approx(wald, rel=0.1)
    assert found.ratio_at_least < estimate


@pytest.mark.parametrize("ratio", [0.5, 1.0, 2.0])
def test_the_bound_lies_above_the_truth_in_at_most_five_in_a_hundred(ratio):
    sets = [(1, 2), (1, 4), (3, 4), (2, 5), (1, 6), (5, 6), (2, 3), (1, 8), (4, 8)]
    chances = [ratio * m / (ratio * m + n - m) for m, n in sets]
    too_high = 0.0
    for had in itertools.product((False, True), repeat=len(sets)):
        found = matched_effect(had, [m for m, _ in sets], [n for _, n in sets])
        weight = np.prod([c if h else 1 - c for h, c in zip(had, chances, strict=True)])
        too_high += float(weight) * (found.ratio_at_least > ratio)
    assert 0.005 < too_high <= 0.05


def test_edges_and_mistakes():
    nothing = matched_effect([], [], [])
    assert (nothing.p_value, nothing.ratio_at_least, nothing.explained_at_least) == (1.0, 0.0, 0.0)
    # All of a set have it, or none: it says nothing, but its failure counts among the failures.
    mute = matched_effect([True, False], [4, 0], [4, 6])
    assert (mute.failures, mute.exposed, mute.expected, mute.p_value) == (2, 1, 1.0, 1.0)
    with pytest.raises(ValueError, match="among its members"):
        matched_effect([True], [0], [3])
    with pytest.raises(ValueError, match="among its members"):
        matched_effect([False], [3], [3])
    with pytest.raises(ValueError, match="one shape"):
        matched_effect([True], [1, 1], [2, 2])
