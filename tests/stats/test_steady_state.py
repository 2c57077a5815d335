"""Where the beginning of a series ends, and whether the rest has a trend."""

from __future__ import annotations

import numpy as np
import pytest

from iluvatar_bench.stats import steady_state, warm_up_length


def noise(seed: int, count: int = 400) -> np.ndarray:
    """First-order autoregressive, as latencies of neighbours are: coefficient 0.5, mean 100."""
    source = np.random.default_rng(seed)
    values = np.empty(count)
    last = 0.0
    for at, step in enumerate(source.normal(0, 5, count)):
        last = 0.5 * last + step
        values[at] = 100 + last
    return values


@pytest.mark.parametrize("length", [40, 100, 150])
def test_a_slow_beginning_is_left_out_as_long_as_it_is(length: int) -> None:
    for seed in range(10):
        values = noise(seed)
        values[:length] += 60
        found = warm_up_length(values.tolist())
        assert found is not None
        assert length - 5 <= found <= length + 50


def test_of_what_is_steady_from_the_start_little_is_left_out() -> None:
    found = [warm_up_length(noise(seed).tolist()) for seed in range(40)]
    assert sorted(200 if one is None else one for one in found)[20] <= 20


def test_a_trend_is_found_and_noise_is_taken_for_one_as_seldom_as_is_said() -> None:
    states = [steady_state(noise(seed).tolist(), left_out=0) for seed in range(300)]
    alarms = sum(state is not None and state.p_value < 0.05 for state in states)
    # Binomial of 300 at 5 %: 15, standard deviation 3.8.
    assert 3 <= alarms <= 30
    for seed in range(10):
        state = steady_state((noise(seed) + np.linspace(0, 40, 400)).tolist())
        assert state is not None
        assert not state.steady()


def test_a_series_that_never_settles_says_so() -> None:
    state = steady_state(np.linspace(200, 100, 400).tolist())
    assert state is not None
    assert not state.found
    assert not state.steady()


def test_what_is_too_short_or_flat_or_not_a_number() -> None:
    assert steady_state([1.0] * 39) is None
    assert warm_up_length([5.0] * 9) is None
    flat = steady_state([5.0] * 100)
    assert flat is not None
    assert (flat.left_out, flat.p_value, flat.steady()) == (0, 1.0, True)
    with pytest.raises(ValueError, match="finite"):
        steady_state([1.0, float("nan")])
