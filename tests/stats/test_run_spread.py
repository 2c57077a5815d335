"""Between runs: what chance alone makes, against exact enumeration, and what is seen."""

from __future__ import annotations

import itertools
import math

import pytest

from iluvatar_bench.stats.run_spread import run_spread, spread_text


def test_chance_alone_is_the_mean_of_the_sample_variance_over_all_outcomes() -> None:
    """Two runs, of 3 and of 2 trials at a rate of 0.3: every outcome with its probability."""
    rate, sizes = 0.3, (3, 2)

    def chance(count: int, size: int) -> float:
        return math.comb(size, count) * rate**count * (1 - rate) ** (size - count)

    expected = sum(
        chance(a, 3) * chance(b, 2) * (a / 3 - b / 2) ** 2 / 2
        for a, b in itertools.product(range(4), range(3))
    )
    assert run_spread((rate, rate), sizes).by_chance ** 2 == pytest.approx(expected)


def test_what_is_seen_is_the_sample_standard_deviation() -> None:
    found = run_spread((0.1, 0.2, 0.6), (40, 40, 40))
    # (0.2^2 + 0.1^2 + 0.3^2) / 2 around 0.3.
    assert found.seen == pytest.approx(math.sqrt(0.07))
    assert found.by_chance == pytest.approx(math.sqrt(0.3 * 0.7 / 40))
    assert spread_text((0.1, 0.2, 0.6), (40, 40, 40)) == (
        "its 3 runs had 10.0–60.0 % not ok, with a standard deviation of 26.5 points; independent "
        "trials alone would have 7.2"
    )


@pytest.mark.parametrize(
    ("rates", "trials"),
    [((0.1,), (5,)), ((0.1, 1.1), (5, 5)), ((0.1, 0.2), (5, 0)), ((0.1, 0.2), (5,))],
)
def test_what_has_no_spread_is_refused(rates: tuple[float, ...], trials: tuple[int, ...]) -> None:
    with pytest.raises(ValueError):
        run_spread(rates, trials)
