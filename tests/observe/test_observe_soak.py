"""Fifty thousand containers in minutes, on a stand-in daemon: what the observer holds then."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.observed_soak import growth, soak

pytestmark = [pytest.mark.root, pytest.mark.slow]

CONTAINERS, EVERY = 50_000, 500

BOUND = 150 * 1024**2

CREEP = 150.0
"""Bytes a container. One that is remembered for good takes several hundred at the least."""


async def test_what_is_held_stays_within_its_bound(tmp_path: Path) -> None:
    held = [row async for row in soak(CONTAINERS, tmp_path, every=EVERY)]
    crept = growth(held)
    assert max(row["bytes"] for row in held) < BOUND, crept
    assert crept.value < CREEP, crept
