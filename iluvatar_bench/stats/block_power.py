"""What blocks like those seen can show, and how many more a smaller difference takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import scipy
from numpy.typing import NDArray

from iluvatar_bench.stats.sign_flips import checked_shares

_MOST_BLOCKS = 100_000


def visible_difference(
    shares: Sequence[float] | NDArray[np.float64],
    *,
    repeats: int,
    blocks: int | None = None,
    power: float = 0.9,
    alpha: float = 0.05,
) -> float:
    """The smallest difference that ``blocks`` such blocks show with probability ``power``.

    With s the standard deviation of the differences and K blocks it is s/sqrt(K) times the sum of
    Student's quantiles of 1 - alpha/2 and of the power, K - 1 degrees of freedom: an
    approximation of the power of the exact test (simulated in the tests). It cannot be smaller
    than what is possible at all: the exact test needs j blocks of one sign with 2^(1-j) <= alpha,
    so at least j of K blocks must hold a failure, at independent trials.

    Args:
        shares: shape (n,), differences of rates in blocks that were seen.
        repeats: trials of each side in a block.
        blocks: how many blocks are planned; None: as many as were seen.
        power: the probability of showing it.
        alpha: of the exact two-sided test.

    Returns:
        A difference of rates; inf where so few blocks can show none.

    Raises:
        ValueError: a share outside -1..1, or power or alpha not in (0, 1).
    """
    values = checked_shares(shares)
    if not (0 < power < 1 and 0 < alpha < 1):
        raise ValueError(f"power and alpha must lie between 0 and 1, not {power} and {alpha}")
    planned = len(values) if blocks is None else blocks
    needed = math.ceil(1 - math.log2(alpha))
    if planned < needed or len(values) < 2:
        return math.inf
    spread = float(values.std(ddof=1))
    free = planned - 1
    quantiles = scipy.stats.t.isf(alpha / 2, free) + scipy.stats.t.ppf(power, free)
    difference = max(
        float(quantiles) * spread / math.sqrt(planned), rarest_rate(planned, needed, repeats, power)
    )
    return difference if difference <= 1 else math.inf


def blocks_to_see(
    shares: Sequence[float] | NDArray[np.float64],
    difference: float,
    *,
    repeats: int,
    power: float = 0.9,
    alpha: float = 0.05,
) -> int:
    """How many such blocks show ``difference`` with probability ``power``.

    The smallest number at which :func:`visible_difference` has come down to it.

    Raises:
        ValueError: a difference outside (0, 1], one that no number of blocks shows, or as
            :func:`visible_difference`.
    """
    if not 0 < difference <= 1:
        raise ValueError(f"difference must lie above 0 and up to 1, not {difference}")

    def enough(blocks: int) -> bool:
        seen = visible_difference(shares, repeats=repeats, blocks=blocks, power=power, alpha=alpha)
        return seen <= difference

    return smallest_number(enough, most=_MOST_BLOCKS, what="blocks")


def smallest_number(enough: Callable[[int], bool], *, most: int, what: str) -> int:
    """The smallest number from 1 on that is enough, where every larger one is too.

    Raises:
        ValueError: none up to ``most`` is; the message says of ``what``.
    """
    high = 1
    while not enough(high):
        high *= 2
        if high > most:
            raise ValueError(f"more than {most} {what} would be needed")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def rarest_rate(blocks: int, needed: int, trials: int, power: float) -> float:
    """The rate at which ``needed`` of the blocks hold a failure, with probability ``power``.

    A block has so many independent ``trials``.
    """
    # P(Binomial(blocks, q) >= needed) = power, by the beta distribution that it is.
    in_a_block = float(scipy.special.betaincinv(needed, blocks - needed + 1, power))
    return -math.expm1(math.log1p(-in_a_block) / trials)
