"""A month in minutes, on a stand-in daemon: what the observer holds does not grow with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.observed_soak import soak
from tests.support.own_resources import slope

pytestmark = [pytest.mark.root, pytest.mark.slow]

CONTAINERS, EVERY = 12_000, 100
FULL = 6_000
"""By then all that is remembered of the last ones (signals, snapshots, ends) is full."""

BOUND = 150 * 1024**2


async def test_what_is_held_is_bounded_and_does_not_grow(tmp_path: Path) -> None:
    held = [row async for row in soak(CONTAINERS, tmp_path, every=EVERY)]
    late = [row for row in held if row["containers"] > FULL]
    growth = slope([row["containers"] for row in late], [row["bytes"] for row in late])
    assert max(row["bytes"] for row in held) < BOUND, growth
    # No growth is shown, or one of less than 2 MiB over the second half.
    assert growth.low <= 0 or growth.value * FULL < 2 * 1024**2, growth
