"""What is said of a run's steady state: where it begins, and whether there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_FEWEST = 40
"""Arrivals with an answer: of fewer nothing is said."""


def steady_told(arrivals: pd.DataFrame, *, warm_up_seconds: float | None = None) -> list[str]:
    """A line for the latencies of a churn or trace; none where there are too few of them.

    What was submitted in the first ``warm_up_seconds`` is left out; None: what MSER-5 says.
    """
    from iluvatar_bench.stats import steady_state

    served = arrivals.sort_values("arrival").dropna(subset=["latency_ms"])
    left_out = None
    if warm_up_seconds is not None:
        left_out = int((served["submitted_at_ms"] < 1000 * warm_up_seconds).sum())
    latencies = served["latency_ms"].tolist()
    state = steady_state(latencies, left_out=left_out) if len(latencies) >= _FEWEST else None
    if state is None:
        return []
    trend = f"Kendall's tau {state.tau:+.2f} over {state.batches} batches, p = {state.p_value:.2g}"
    if not state.found:
        return [f"steady state: its beginning is not found in the first half ({trend})"]
    verdict = "no trend shown" if state.steady() else "a trend is left: not steady"
    rule = "MSER-5" if left_out is None else f"warm-up of {warm_up_seconds:g} s"
    return [
        f"steady state: latencies after the first {state.left_out} of {state.observations} "
        f"({rule}), {verdict} ({trend})"
    ]
