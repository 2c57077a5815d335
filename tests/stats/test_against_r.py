"""Every number that R computes too, against R itself: oracle.csv is written by oracle.R."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from iluvatar_bench import stats


def r_says(name):
    """(arguments, results) of every case of one R function."""
    with (Path(__file__).parent / "oracle.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["function"] == name]
    assert rows, f"oracle.csv has no {name}"
    return [pytest.param(*(numbers(row[key]) for key in ("arguments", "results"))) for row in rows]


def numbers(text):
    return [math.nan if value == "NA" else float(value) for value in text.split()]


def same(values):
    """R prints 15 digits; some of its intervals come from a root search to 1e-7 or so."""
    return pytest.approx(values, rel=1e-9, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize(("given", "found"), r_says("wilson"))
def test_wilson_is_prop_test(given, found):
    value = stats.rate(*map(int, given))
    assert [value.low, value.high] == same(found)


@pytest.mark.parametrize("confidence", [0.95, 0.99])
def test_clopper_pearson_is_binom_test(confidence):
    for case in r_says("clopper_pearson" if confidence == 0.95 else "clopper_pearson_99"):
        given, found = case.values
        value = stats.rate(*map(int, given), method="clopper_pearson", confidence=confidence)
        assert [value.low, value.high] == same(found)


@pytest.mark.parametrize(("given", "found"), r_says("poisson"))
def test_deaths_per_hour_is_poisson_test(given, found):
    value = stats.deaths_per_hour(int(given[0]), given[1])
    assert [value.estimate, value.low, value.high] == same(found)


@pytest.mark.parametrize(("given", "found"), r_says("fisher"))
def test_the_p_value_of_a_difference_is_fisher_test(given, found):
    assert [stats.rate_difference(*map(int, given)).p_value] == same(found)


@pytest.mark.parametrize(("given", "found"), r_says("holm"))
def test_holm_is_p_adjust(given, found):
    assert list(stats.holm(given)) == same(found)


@pytest.mark.parametrize(("given", "found"), r_says("mantelhaen"))
def test_the_stratified_effect_is_mantelhaen_test(given, found):
    effect = stats.stratified_effect(np.array(given, dtype=int).reshape(-1, 2, 2))
    assert [
        effect.statistic,
        effect.p_cmh,
        effect.p_value,
        effect.odds_ratio,
        effect.odds_ratio_low,
        effect.odds_ratio_high,
    ] == same(found)


def halves(given):
    times, observed = np.array_split(np.asarray(given), 2)
    return times, observed.astype(bool)


@pytest.mark.parametrize(("given", "found"), r_says("survfit"))
def test_the_survival_curve_is_survfit(given, found):
    times, survival, low, high = np.split(np.asarray(found), 4)
    table = stats.survival_curve(*halves(given)).table
    table = table[table["time_ms"].isin(times)]
    assert list(table["survival"]) == same(list(survival))
    # Where R has no interval (nothing happened yet, or nobody is left) this package has one.
    known = ~np.isnan(low) & (survival < 1)
    assert list(table["low"][known]) == same(list(low[known]))
    assert list(table["high"][known]) == same(list(high[known]))
    assert known.sum() >= 3


@pytest.mark.parametrize(("given", "found"), r_says("median"))
def test_the_median_is_survfits(given, found):
    curve = stats.survival_curve(*halves(given))
    # R writes NA for a bound that the curve never reaches.
    expected = [math.inf if math.isnan(value) else value for value in found]
    assert [curve.median_ms, curve.median_low_ms, curve.median_high_ms] == expected


@pytest.mark.parametrize(("given", "found"), r_says("quantile"))
def test_latency_quantiles_are_type_seven(given, found):
    quantile, *durations = given
    table = stats.latency_quantiles(durations, quantiles=[quantile])
    assert list(table["estimate_ms"]) == same(found)


@pytest.mark.parametrize(("given", "found"), r_says("power_prop"))
def test_exact_sizes_lie_above_the_normal_approximation(given, found):
    baseline, candidate, power = given
    exact = stats.trials_to_see_difference(baseline, candidate, power=power)
    # The correction for continuity adds about 2 / |difference| (Fleiss, Tytun and Ury 1980).
    assert found[0] < exact < found[0] + 3 / abs(baseline - candidate)
