"""Where more does not help: against curves whose knee is known."""

from __future__ import annotations

import random

import pytest

from iluvatar_bench.stats import knee


def test_a_curve_that_flattens_has_its_knee_where_it_does() -> None:
    rates = {limit: [10.0 * min(limit, 6)] * 5 for limit in (1, 2, 4, 6, 8, 16)}
    found = knee(rates)
    assert (found.setting, found.low, found.high) == (6, 6, 6)


def test_a_curve_that_falls_again_has_it_before_its_top() -> None:
    rates = {1: [10.0, 10.0], 4: [39.0, 39.0], 8: [40.0, 40.0], 16: [20.0, 20.0]}
    assert knee(rates).setting == 4
    assert knee(rates, enough=1).setting == 8


def test_the_interval_covers_the_knee_of_noisy_curves() -> None:
    covered = 0
    for seed in range(100):
        source = random.Random(seed)
        rates = {
            limit: [10.0 * min(limit, 6) * source.gauss(1, 0.03) for _ in range(8)]
            for limit in (2, 4, 6, 8)
        }
        found = knee(rates, resamples=200, seed=seed)
        covered += found.low <= 6 <= found.high
    assert covered >= 90


@pytest.mark.parametrize(
    "rates",
    [{}, {1: [1.0]}, {1: [1.0, 2.0], 2: [1.0]}, {1: [0.0, 1.0]}],
)
def test_what_is_no_measurement_is_refused(rates: dict[int, list[float]]) -> None:
    with pytest.raises(ValueError, match="must"):
        knee(rates)
