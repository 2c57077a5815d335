"""What an observation costs: the arithmetic, and a short run of blocks in turn."""

from __future__ import annotations

import pytest
from scipy import stats

from iluvatar_bench.studies.observe_cost import (
    ObservedBlock,
    cost_text,
    measure_observation,
    paired,
)


def block(*, observed: bool, lives: float) -> ObservedBlock:
    cores = 0.01 if observed else 0.0
    return ObservedBlock(observed=observed, lives=lives, daemon_ms=10.0, observer_cores=cores)


def test_neighbours_are_compared_whichever_came_first() -> None:
    """As scipy's paired test has it."""
    without, with_one = [10.0, 12.0, 9.0, 11.0], [9.5, 12.2, 8.4, 10.9]
    blocks = []
    for number, (plain, seen) in enumerate(zip(without, with_one, strict=True)):
        pair = [block(observed=False, lives=plain), block(observed=True, lives=seen)]
        blocks += pair if number % 2 else pair[::-1]
    found = paired(blocks, "lives")
    expected = stats.ttest_rel(with_one, without).confidence_interval()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.mean == pytest.approx(-0.25)
    assert "1.00 (1.00–1.00)" in cost_text(blocks)


@pytest.mark.daemon
@pytest.mark.slow
async def test_blocks_with_and_without_an_observation_alternate() -> None:
    blocks = await measure_observation(pairs=2, seconds=2)
    assert [b.observed for b in blocks[0::2]] != [b.observed for b in blocks[1::2]]
    assert sum(b.observed for b in blocks) == 2
    for one in blocks:
        assert one.lives > 0.5
        assert (one.observer_cores > 0) == one.observed
