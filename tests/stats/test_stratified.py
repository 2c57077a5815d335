"""The stratified effect against R, SAS, exact McNemar, and simulated coverage under drift."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import brentq
from scipy.stats import norm
from statsmodels.stats.contingency_tables import StratifiedTable, mcnemar

from iluvatar_bench.stats import rate_difference, stratified_effect

TABLES = st.integers(1, 5).flatmap(
    lambda k: arrays(np.int64, (k, 2, 2), elements=st.integers(0, 15))
)

# R, ?mantelhaen.test; Agresti (1990), pages 231-237: cured and died, at once and delayed.
RABBITS = [
    [[0, 6], [0, 5]],
    [[3, 3], [0, 6]],
    [[6, 0], [2, 4]],
    [[5, 1], [6, 0]],
    [[2, 0], [5, 0]],
]
# SAS/STAT, PROC FREQ, example "Cochran-Mantel-Haenszel Statistics": better and same, by sex.
MIGRAINE = [[[16, 11], [5, 20]], [[12, 16], [7, 19]]]


def test_the_exact_test_matches_r():
    # mantelhaen.test(Rabbits, exact = TRUE): p-value = 0.0399449
    assert stratified_effect(RABBITS).p_value == pytest.approx(0.0399449, abs=5e-8)


def test_the_odds_ratio_matches_r():
    # mantelhaen.test(Rabbits): common odds ratio 7, 95 percent interval 1.026713 47.725133
    effect = stratified_effect(RABBITS)
    found = (effect.odds_ratio, effect.odds_ratio_low, effect.odds_ratio_high)
    assert found == pytest.approx((7.0, 1.026713, 47.725133), abs=5e-7)


def test_the_chi_squared_matches_sas():
    effect = stratified_effect(MIGRAINE)
    assert (round(effect.statistic, 4), round(effect.p_cmh, 4)) == (8.3052, 0.0040)
    found = (effect.odds_ratio, effect.odds_ratio_low, effect.odds_ratio_high)
    assert [round(value, 4) for value in found] == [3.3132, 1.4456, 7.5934]


def sato_null_variance(d, tables):
    """Sato's variance of the Mantel-Haenszel difference if d is true, stratum by stratum."""
    p = q = w = 0.0
    for (x1, y1), (x0, y0) in tables:
        n1, n0 = x1 + y1, x0 + y0
        n = n1 + n0
        p += (n1**2 * x0 - n0**2 * x1 + n1 * n0 * (n0 - n1) / 2) / n**2
        q += (x1 * y0 + x0 * y1) / (2 * n)
        w += n1 * n0 / n
    return (d * p + q) / w**2


@pytest.mark.parametrize("tables", [RABBITS, MIGRAINE, [[[12, 28], [0, 40]]], [[[9, 1], [2, 17]]]])
def test_the_interval_inverts_its_test(tables):
    effect = stratified_effect(tables)
    z = norm.isf(0.025)

    def excess(d):
        return (effect.difference - d) ** 2 - z**2 * sato_null_variance(d, tables)

    assert effect.low == pytest.approx(brentq(excess, effect.low - 0.05, effect.difference))
    assert effect.high == pytest.approx(brentq(excess, effect.difference, effect.high + 0.05))


@given(TABLES)
def test_one_stratum_is_fisher_and_many_agree_with_statsmodels(tables):
    effect = stratified_effect(tables)
    assert 0 <= effect.p_value <= 1
    assert -1 <= effect.low <= effect.high <= 1
    used = tables[(tables.sum(axis=2) > 0).all(axis=1)]
    assert (effect.strata, effect.trials) == (len(used), used.sum())
    if len(used) == 0:
        assert math.isnan(effect.difference)
        assert (effect.low, effect.high, effect.p_value) == (-1.0, 1.0, 1.0)
        return
    assert effect.low <= effect.difference + 1e-12
    assert effect.difference <= effect.high + 1e-12
    if len(used) == 1:
        (x1, y1), (x0, y0) = used[0].tolist()
        pooled = rate_difference(x0, x0 + y0, x1, x1 + y1)
        assert effect.p_value == pytest.approx(pooled.p_value)
        assert effect.difference == pytest.approx(pooled.estimate)
    if not math.isnan(effect.statistic):
        reference = StratifiedTable(np.moveaxis(used, 0, -1).astype(float)).test_null_odds()
        assert effect.statistic == pytest.approx(reference.statistic)
        assert effect.p_cmh == pytest.approx(reference.pvalue, abs=1e-12)


@given(TABLES)
def test_swapping_the_sides_mirrors_the_effect(tables):
    effect, swapped = stratified_effect(tables), stratified_effect(tables[:, ::-1])
    assert effect.p_value == pytest.approx(swapped.p_value)
    assert effect.low == pytest.approx(-swapped.high, abs=1e-9)
    if effect.strata:
        assert effect.difference == pytest.approx(-swapped.difference, abs=1e-12)


def test_pairs_make_it_mcnemars_exact_test():
    # 9 pairs where only the level failed, 2 where only the reference did, 30 ties.
    only_level, only_reference = [[1, 0], [0, 1]], [[0, 1], [1, 0]]
    ties = [[[1, 0], [1, 0]]] * 10 + [[[0, 1], [0, 1]]] * 20
    effect = stratified_effect([only_level] * 9 + [only_reference] * 2 + ties)
    assert effect.p_value == pytest.approx(mcnemar([[10, 9], [2, 20]], exact=True).pvalue)
    assert effect.difference == pytest.approx(7 / 41)


def test_drift_between_blocks_does_not_pose_as_an_effect():
    # Rate 0.1 in the first block, 0.9 in the second; the level ran mostly in the second.
    tables = [[[1, 9], [9, 81]], [[81, 9], [9, 1]]]
    effect = stratified_effect(tables)
    assert effect.difference == pytest.approx(0.0)
    assert effect.p_value == pytest.approx(1.0)
    pooled = np.sum(tables, axis=0)
    naive = rate_difference(pooled[1, 0], pooled[1].sum(), pooled[0, 0], pooled[0].sum())
    assert naive.p_value < 1e-10


def test_a_clear_cut_effect_keeps_a_finite_interval_and_all_digits():
    effect = stratified_effect([[[20, 0], [0, 20]], [[20, 0], [0, 20]]])
    assert effect.difference == 1.0
    assert (effect.high, effect.odds_ratio) == (1.0, math.inf)
    assert 0.85 < effect.low < 0.95
    assert 0 < effect.p_cmh < 1e-15
    assert 0 < effect.p_value < 1e-20
    assert math.isnan(effect.odds_ratio_low)


def test_nothing_failed_anywhere():
    effect = stratified_effect([[[0, 20], [0, 20]]] * 2)
    newcombe = rate_difference(0, 40, 0, 40)
    assert (effect.difference, effect.low, effect.high) == (0.0, newcombe.low, newcombe.high)
    assert effect.p_value == 1.0
    assert math.isnan(effect.statistic)
    assert math.isnan(effect.odds_ratio)


def test_strata_with_one_side_only_are_left_out():
    with_lone = [*MIGRAINE, [[5, 5], [0, 0]], [[0, 0], [3, 4]]]
    assert stratified_effect(with_lone) == stratified_effect(MIGRAINE)
    assert stratified_effect([]).strata == 0
    assert stratified_effect([[[5, 5], [0, 0]]]).p_value == 1.0


@pytest.mark.parametrize("effect", [0.0, 0.3])
@pytest.mark.parametrize(("strata", "per_side"), [(3, 20), (20, 2)])
def test_coverage_and_level_by_simulation(effect, strata, per_side):
    rng = np.random.default_rng(12029)
    base = np.linspace(0.05, 0.6, strata)  # the blocks drift
    level = rng.binomial(per_side, base + effect, (1000, strata))
    reference = rng.binomial(per_side, base, (1000, strata))
    covered = false_alarms = 0
    for x1, x0 in zip(level, reference, strict=True):
        tables = np.stack([[x1, per_side - x1], [x0, per_side - x0]]).transpose(2, 0, 1)
        found = stratified_effect(tables)
        covered += found.low <= effect <= found.high
        false_alarms += found.p_value <= 0.05
    assert 0.93 <= covered / 1000 <= 0.985
    if effect == 0:
        assert false_alarms / 1000 <= 0.05


@pytest.mark.parametrize(
    "tables",
    [[[1, 2], [3, 4]], [[[1, 2, 3], [3, 4, 5]]], [[[-1, 2], [3, 4]]], [[[0.5, 2], [3, 4]]]],
)
def test_what_is_no_table_of_counts_is_refused(tables):
    with pytest.raises(ValueError, match="tables must"):
        stratified_effect(tables)
