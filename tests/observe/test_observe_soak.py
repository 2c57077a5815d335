"""Thirty thousand containers in minutes, on a stand-in daemon: what the observer holds then."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.observed_soak import soak
from tests.support.own_resources import slope

pytestmark = [pytest.mark.root, pytest.mark.slow]

CONTAINERS, EVERY = 30_000, 500
FULL = 15_000
"""By then all that is remembered of the last ones (signals, snapshots, ends) is full."""

BOUND = 150 * 1024**2

CREEP = 1024.0
"""Bytes a container; seen were 509 (238 to 779) with the kernel's record, 141 (-30 to 311) without.
What a container that is remembered for good would take is several times as much."""


async def test_what_is_held_stays_within_its_bound(tmp_path: Path) -> None:
    held = [row async for row in soak(CONTAINERS, tmp_path, every=EVERY)]
    late = [row for row in held if row["containers"] > FULL]
    growth = slope([row["containers"] for row in late], [row["bytes"] for row in late], blocks=10)
    assert max(row["bytes"] for row in held) < BOUND, growth
    assert growth.value < CREEP, growth
