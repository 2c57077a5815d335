"""What is said of a run's steady state: where it begins, and whether there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_FEWEST = 40
"""Arrivals with an answer: of fewer nothing is said."""


def steady_told(arrivals: pd.DataFrame) -> list[str]:
    """A line for the latencies of a churn or trace; none where there are too few of them."""
    from iluvatar_bench.stats import steady_state

    latencies = arrivals.sort_values("arrival")["latency_ms"].dropna()
    state = steady_state(latencies.tolist()) if len(latencies) >= _FEWEST else None
    if state is None:
        return []
    trend = f"Kendall's tau {state.tau:+.2f} over {state.batches} batches, p = {state.p_value:.2g}"
    if not state.found:
        return [f"steady state: its beginning is not found in the first half ({trend})"]
    verdict = "no trend shown" if state.steady() else "a trend is left: not steady"
    return [
        f"steady state: latencies after the first {state.left_out} of {state.observations} "
        f"(MSER-5), {verdict} ({trend})"
    ]
