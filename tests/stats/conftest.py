"""What the statistics' tests share."""

from __future__ import annotations

import gc

import pytest


@pytest.fixture(autouse=True, scope="package")
def quick_collections():
    """statsmodels' Holm calls gc.collect() every time: 0.1 s with all of pytest alive."""
    gc.freeze()
    yield
    gc.unfreeze()
