"""Sides whose trials come in blocks: against statsmodels, by counting, and by what is covered."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from statsmodels.regression.linear_model import OLS

from iluvatar_bench.stats.block_comparison import block_interval, compare_blocks
from iluvatar_bench.stats.design_effect import design_effect


def side(blocks: Sequence[tuple[int, int]], *, name: str = "day") -> pd.DataFrame:
    """Trials of some blocks: of each how many failed, and how many there were."""
    rows = [
        (f"{name}-{number}", "failed" if trial < failed else "ok")
        for number, (failed, size) in enumerate(blocks)
        for trial in range(size)
    ]
    frame = pd.DataFrame(rows, columns=["block", "outcome"])
    frame["bug_class"] = frame["outcome"].map({"failed": "process_died"})
    return frame.assign(profile="observed", unknown_class=None, mechanism=None)


def of_failures(table: pd.DataFrame) -> pd.Series:
    """The row of all failures."""
    return table.set_index("bug_class").loc["failed"]


def test_the_design_effect_is_that_of_a_cluster_robust_variance() -> None:
    """Statsmodels' sandwich by clusters, over the variance of independent trials."""
    trials = side([(0, 40), (12, 60), (3, 50), (9, 30), (1, 45)])
    failed = trials["outcome"].eq("failed").to_numpy(float)
    codes = pd.factorize(trials["block"])[0]
    fitted = OLS(failed, np.ones(len(failed))).fit(
        cov_type="cluster", cov_kwds={"groups": codes, "use_correction": False}
    )
    robust = fitted.bse[0] ** 2 * 5 / 4
    rate = failed.mean()
    by_block = trials["outcome"].eq("failed").groupby(trials["block"])
    effect = design_effect(by_block.sum().to_numpy(float), by_block.size().to_numpy(float))
    assert effect == pytest.approx(robust / (rate * (1 - rate) / len(failed)))
    assert effect > 3


def test_blocks_that_all_differ_give_the_smallest_p_there_is() -> None:
    """Of the 70 ways to share 8 blocks out two are as far apart as this."""
    before = side([(10, 50), (12, 50), (9, 50), (11, 50)])
    after = side([(0, 50), (1, 50), (0, 50), (2, 50)])
    row = of_failures(compare_blocks(before, after))
    assert row["p_value"] == pytest.approx(2 / 70)
    assert row["verdict"] == "no difference shown", "two rows came: Holm doubles p"
    after = side([(0, 50)] * 6)
    before = side([(10, 50)] * 6)
    row = of_failures(compare_blocks(before, after))
    assert row["p_value"] == pytest.approx(2 / 924)
    assert row["verdict"] == "better"
    assert row["difference"] == pytest.approx(-0.2)
    assert row["low"] < -0.2 < row["high"] < 0


def test_one_bad_day_is_no_worse_worker() -> None:
    """All failures of one day: by single trials that were a proof."""
    before = side([(1, 100)] * 5)
    after = side([(1, 100)] * 4 + [(40, 100)])
    row = of_failures(compare_blocks(before, after))
    assert row["p_value"] > 0.2
    assert row["low"] < 0 < row["difference"] < row["high"]


def test_one_block_of_a_side_says_nothing() -> None:
    row = of_failures(compare_blocks(side([(5, 50)]), side([(0, 50), (1, 50)])))
    assert math.isnan(row["low"])
    assert math.isnan(row["p_value"])
    assert row["verdict"] == "no difference shown"


@pytest.mark.parametrize("rates", [(0.02, 0.02), (0.05, 0.15), (0.0, 0.05)])
def test_what_the_intervals_cover(rates: tuple[float, float]) -> None:
    """Days whose own rates differ (beta-binomial): at least 93 of 100 intervals of 95 %."""
    chance = np.random.default_rng(1)
    rounds, days, trials = 500, 8, 40
    covered = 0
    for _ in range(rounds):
        counts = [
            chance.binomial(trials, chance.beta(20 * rate, 20 * (1 - rate), days)).astype(float)
            if rate
            else np.zeros(days)
            for rate in rates
        ]
        low, high = block_interval(counts, [np.full(days, float(trials))] * 2)
        covered += low <= rates[1] - rates[0] <= high
    assert covered / rounds >= 0.93


def test_without_blocks_it_is_refused() -> None:
    with pytest.raises(ValueError, match="block"):
        compare_blocks(side([(1, 5)]), side([(1, 5)]).drop(columns="block"))
