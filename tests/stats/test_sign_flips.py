"""The exact test over blocks and its always-valid form, against enumeration and Fisher's count."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iluvatar_bench.stats import sign_flip_evidence, sign_flip_test

DARWIN = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
"""Differences in height of Darwin's pairs of maize, in eighths of an inch (Fisher 1935, § 17)."""


def test_fishers_count_of_darwins_pairs():
    """The Design of Experiments, § 21: 863 of 32,768 sums are 314 or more, and as many -314."""
    found = sign_flip_test(DARWIN)
    assert (found.total, found.blocks) == (314, 15)
    assert found.p_above == 863 / 2**15
    assert found.p_value == 2 * 863 / 2**15


def every_sign(sizes):
    return (np.array(signs) * sizes for signs in itertools.product((-1, 1), repeat=len(sizes)))


@given(st.lists(st.integers(-6, 6), max_size=9))
@settings(max_examples=60)
def test_it_is_the_share_of_all_signs(differences):
    sums = [int(flipped.sum()) for flipped in every_sign(np.abs(differences).astype(int))]
    found, total = sign_flip_test(differences), sum(differences)
    assert found.p_value == pytest.approx(np.mean([abs(s) >= abs(total) for s in sums]))
    assert found.p_above == pytest.approx(np.mean([s >= total for s in sums]))
    assert found.p_below == pytest.approx(np.mean([s <= total for s in sums]))


@given(st.lists(st.integers(0, 6), min_size=1, max_size=10))
@settings(max_examples=40)
def test_under_fair_signs_the_evidence_stays_what_it_was_on_average(sizes):
    paths = np.array([sign_flip_evidence(flipped / 6) for flipped in every_sign(np.array(sizes))])
    assert paths.mean(axis=0) == pytest.approx(np.ones(len(sizes) + 1))


def test_it_ever_reaches_one_over_alpha_with_a_chance_below_alpha():
    """Ville's inequality, counted over all 2^14 signs and not simulated; and it is not mute."""
    sizes = np.array([6, 1, 2, 5, 3, 1, 6, 2, 4, 1, 3, 5, 2, 6])
    highest = [sign_flip_evidence(flipped / 6).max() for flipped in every_sign(sizes)]
    for alpha in (0.2, 0.05, 0.025):
        assert 0.2 * alpha <= np.mean(np.array(highest) >= 1 / alpha) <= alpha


def test_one_sign_in_every_block_is_soon_enough_and_never_overflows():
    path = sign_flip_evidence(np.full(5000, 0.5))
    assert path[0] == 1
    assert np.isfinite(path).all()
    assert int(np.argmax(path >= 40)) == 7
    assert sign_flip_evidence(-np.full(50, 0.5))[-1] < 0.01
    assert (sign_flip_evidence(np.zeros(20)) == 1).all()


def test_the_order_of_blocks_does_not_matter_to_the_end():
    rng = np.random.default_rng(3)
    shares = rng.integers(-6, 7, 30) / 6
    assert sign_flip_evidence(shares)[-1] == pytest.approx(
        sign_flip_evidence(rng.permutation(shares))[-1]
    )


def test_nothing_seen_is_no_evidence():
    assert sign_flip_test([]).p_value == sign_flip_test([0, 0]).p_value == 1
    assert sign_flip_evidence([]).tolist() == [1.0]


@pytest.mark.parametrize("wrong", [[0.5], [[1, 2]], [float("nan")]])
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
def test_what_is_no_count_is_refused(wrong):
    with pytest.raises(ValueError, match="whole numbers"):
        sign_flip_test(wrong)


@pytest.mark.parametrize("wrong", [[1.5], [float("nan")], [[0.1]]])
def test_what_is_no_difference_of_rates_is_refused(wrong):
    with pytest.raises(ValueError, match="must lie in"):
        sign_flip_evidence(wrong)
