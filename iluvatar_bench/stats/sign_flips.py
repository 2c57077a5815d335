"""Blocks against chance: in each block a coin said which profile is called which.

The block is the unit. Whatever happens inside one (a Kill that takes four containers, a collection
that hits both profiles, a host that is busy) happens before the coin is looked at, so nothing need
be independent inside it, nor alike from one block to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BETS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""What :func:`sign_flip_evidence` bets, per unit of a block's difference. Larger bets would find
small differences sooner, and would ask for the sign of a difference more than for its size."""


@dataclass(frozen=True, slots=True)
class SignFlipTest:
    """The exact test over blocks; made by :func:`sign_flip_test`.

    ``p_above`` is the chance of a sum as large as the one seen or larger, ``p_below`` as small or
    smaller, ``p_value`` as far from 0 or farther.
    """

    blocks: int
    total: int
    p_value: float
    p_above: float
    p_below: float


def sign_flip_test(differences: Sequence[int] | NDArray[np.int64]) -> SignFlipTest:
    """Fisher's permutation test of paired differences, exact for any number of blocks.

    If it does not matter which profile a trial had, exchanging the two names within a block leaves
    everything as likely as before, so given their sizes the signs of the differences are fair
    coins, independent of each other. The distribution of the sum over all 2^K signs is built by
    adding one block after the other (Fisher, The Design of Experiments, 1935, section 21, who
    counted the 32,768 signs of Darwin's 15 pairs by hand; Pagano and Tritchler, JASA 78, 1983, for
    the way of counting).

    It holds for a number of blocks that was fixed beforehand; who looks in between takes
    :func:`sign_flip_evidence`. Without a block, and where all differences are 0, every p is 1.

    Args:
        differences: shape (K,), whole numbers: failures of the candidate less those of the
            baseline, in blocks with equally many trials of both.

    Raises:
        ValueError: they are not whole numbers in one dimension.
    """
    values = _whole(differences)
    sizes = np.abs(values)
    reach = int(sizes.sum())
    chances = np.zeros(2 * reach + 1)
    chances[reach] = 1.0
    for size in sizes[sizes > 0].tolist():
        above, below = np.zeros_like(chances), np.zeros_like(chances)
        above[size:], below[:-size] = chances[:-size], chances[size:]
        chances = (above + below) / 2
    total = int(values.sum())
    sums = np.arange(-reach, reach + 1)
    # Rounding can leave 1 + 1e-16.
    p_value, p_above, p_below = (
        min(1.0, float(chances[chosen].sum()))
        for chosen in (np.abs(sums) >= abs(total), sums >= total, sums <= total)
    )
    return SignFlipTest(len(values), total, p_value, p_above, p_below)


def sign_flip_evidence(shares: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """The same against the same null, at every moment at once: an e-process, block by block.

    With s the sign and x the size of a block's difference, and s a fair coin given the past,
    exp(b s x) / cosh(b x) has the mean 1 for every bet b (de la Peña, Annals of Probability 27,
    1999). The product over blocks is what a gambler has who bets on "worse" and began with 1; the
    mean over :data:`BETS` is one too, so that no bet has to be chosen. By Ville's inequality
    (1939) the chance that it *ever* reaches 1/alpha is at most alpha, whenever and why ever one
    stops. The order of blocks does not matter to its last value.

    For "better" turn the signs. Blocks whose difference is 0 tell nothing and change nothing.

    Args:
        shares: shape (K,), in -1..1: the differences of the rates in the blocks.

    Returns:
        Shape (K + 1,): the evidence before the first block, which is 1, and after each.

    Raises:
        ValueError: a share outside -1..1, or more than one dimension.
    """
    values = checked_shares(shares)
    stakes = np.multiply.outer(np.asarray(BETS), values)
    sizes = np.abs(stakes)
    log_cosh = sizes + np.log1p(np.exp(-2 * sizes)) - np.log(2)
    # Above 700 exp() overflows: no alpha is that small.
    steps = np.minimum(np.cumsum(stakes - log_cosh, axis=1), 700.0)
    evidence: NDArray[np.float64] = np.exp(steps).mean(axis=0)
    return np.concatenate(([1.0], evidence))


def checked_shares(shares: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """The differences of rates as an array.

    Raises:
        ValueError: a share outside -1..1 (NaN included), or more than one dimension.
    """
    values = np.asarray(shares, dtype=np.float64)
    if values.ndim != 1 or not (np.abs(values) <= 1).all():
        raise ValueError("differences of rates must lie in -1..1, in one dimension")
    return values


def _whole(differences: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    given = np.asarray(differences)
    values = given.astype(np.int64)
    if given.ndim != 1 or (values != given).any():
        raise ValueError("differences of blocks must be whole numbers, in one dimension")
    return values
