"""What in the folder of all places is a place."""

from __future__ import annotations

import os

import pytest

from iluvatar_bench.containerd.daemon.place import DATA_HOME, abandoned_places

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def test_a_hidden_file_is_no_place_that_somebody_left() -> None:
    """``bench test`` keeps the folder with one, while something is mounted there."""
    DATA_HOME.mkdir(mode=0o700, parents=True, exist_ok=True)
    hidden = DATA_HOME / ".test-place"
    hidden.touch()
    try:
        assert hidden.name not in [place.id for place in abandoned_places()]
    finally:
        hidden.unlink()
