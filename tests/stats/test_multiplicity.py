"""Holm's correction against its definition and a simulation of what it promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iluvatar_bench.stats import holm


def test_holm_worked_by_hand():
    # Sorted: 0.001 x 5, 0.012 x 4, 0.03 x 3, 0.04 x 2 raised to the one before it, 0.9 x 1.
    assert holm([0.03, 0.001, 0.04, 0.012, 0.9]) == pytest.approx([0.09, 0.005, 0.09, 0.048, 0.9])


def by_definition(values):
    order = np.argsort(values, kind="stable")
    corrected, highest = np.empty(len(values)), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[index]))
        corrected[index] = highest
    return corrected


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_is_its_definition(values):
    corrected = holm(values)
    assert corrected == pytest.approx(by_definition(values))
    assert (corrected >= np.asarray(values)).all()
    assert (corrected <= 1).all()


def test_a_question_not_asked_does_not_count():
    corrected = holm([0.01, np.nan, 0.04])
    assert corrected[[0, 2]] == pytest.approx([0.02, 0.04])
    assert np.isnan(corrected[1])
    assert np.isnan(holm([np.nan])).all()
    assert holm([]).shape == (0,)


def test_the_chance_of_any_false_alarm_stays_below_alpha():
    rng = np.random.default_rng(20220701)
    # Two true effects among ten questions; only the eight others can give a false alarm.
    p_values = rng.random((2000, 10))
    p_values[:, :2] *= 1e-6
    false_alarm = [(holm(row)[2:] <= 0.05).any() for row in p_values]
    assert 0.03 < np.mean(false_alarm) < 0.06


@pytest.mark.parametrize("values", [[-0.1], [1.1], [[0.1, 0.2]]])
def test_what_is_no_p_value_is_refused(values):
    with pytest.raises(ValueError, match=r"p-values must lie|one dimension"):
        holm(values)
