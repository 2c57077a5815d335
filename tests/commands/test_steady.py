"""What is said of a run's steady state."""

from __future__ import annotations

import numpy as np
import pandas as pd

from iluvatar_bench.commands.steady import steady_told


def arrivals(count: int, cold: int) -> pd.DataFrame:
    """A request a second; the first ones find no container."""
    latencies = 20 + np.random.default_rng(4).exponential(5, count)
    latencies[:cold] += 900
    return pd.DataFrame(
        {
            "arrival": range(count),
            "submitted_at_ms": 1000.0 * np.arange(count),
            "latency_ms": latencies,
        }
    )


def test_the_beginning_is_found_or_is_as_long_as_was_asked_for() -> None:
    table = arrivals(400, 30)
    (found,) = steady_told(table)
    assert found.startswith("steady state: latencies after the first 30 of 400 (MSER-5), no trend")
    (asked,) = steady_told(table, warm_up_seconds=60)
    assert "after the first 60 of 400 (warm-up of 60 s), no trend shown" in asked
    (too_short,) = steady_told(arrivals(400, 200), warm_up_seconds=0)
    assert "a trend is left: not steady" in too_short


def test_failures_have_no_latency_and_a_short_run_no_verdict() -> None:
    table = arrivals(60, 0)
    table.loc[:29, "latency_ms"] = None
    assert steady_told(table) == []
