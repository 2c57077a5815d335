"""Trials as they really come: in clusters, at rates that drift, in runs that differ."""

from __future__ import annotations

import numpy as np


def clustered_failures(rng, trials: int, rate: float) -> int:
    """How many of these trials fail: one event takes 1 to 5 of them, as one Kill does."""
    failed, left = 0, trials
    while left > 0:
        size = min(left, int(rng.integers(1, 6)))
        left -= size
        failed += size * (rng.random() < rate)
    return failed


def drifting_rates(rng, blocks: int, *, rate: float = 0.4, step: float = 0.4) -> np.ndarray:
    """A rate a block: a random walk of its logarithmic odds."""
    odds = np.log(rate / (1 - rate)) + np.cumsum(rng.normal(0, step, blocks))
    return 1 / (1 + np.exp(-odds))


def drifting_blocks(rng, blocks: int, repeats: int, *, more: float = 0.0) -> np.ndarray:
    """Shape (blocks, 2): failures of each side, the second with a rate that is ``more`` higher."""
    return np.array(
        [
            [
                clustered_failures(rng, repeats, rate),
                clustered_failures(rng, repeats, min(1.0, rate + more)),
            ]
            for rate in drifting_rates(rng, blocks)
        ]
    )
