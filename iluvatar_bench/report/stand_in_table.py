"""How long what stands in for a trace's functions ran, in how much memory: asked and measured."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from iluvatar_bench.plans import PooledFunction

_MIB = 1 << 20

STAND_IN_COLUMNS = (
    *("function", "arrivals", "asked_ms", "took_ms", "took_95_ms", "containers", "asked_mib"),
    "resident_mib",
)
"""The columns of :func:`stand_in_table`, in order."""


def stand_in_table(
    functions: Sequence[PooledFunction], arrivals: pd.DataFrame, samples: pd.DataFrame
) -> pd.DataFrame:
    """One row a function whose duration was asked for.

    Args:
        functions: those of the plan.
        arrivals: rows of ``runs.arrivals.ARRIVAL_COLUMNS``.
        samples: those of the monitor.

    Returns:
        ``function``; ``arrivals`` that were served warm; ``asked_ms``, and of those arrivals
        ``took_ms``, the median of the whole request, and ``took_95_ms``; ``containers`` that
        served and whose memory was read after that; ``asked_mib``, and ``resident_mib``, the most
        that was read of each, the median over them. NaN where there is nothing.
    """
    served = arrivals[arrivals["outcome"] == "ok"]
    warm = served[served["start"] == "warm"]
    took = warm["invoke_ms"].astype(float).groupby(warm["function"])
    # Memory is taken at the first request: before its answer less is there, and that is no finding.
    taken_ms = (served["latency_ms"] - served["lateness_ms"]).astype(float)
    answered_at = served["submitted_at"] + pd.to_timedelta(taken_ms, unit="ms")
    first = answered_at.groupby(served["container_id"]).min()
    read = samples[samples["sampled_at"] >= samples["container_id"].map(first)]
    most = read.groupby("container_id")["rss_bytes"].max() / _MIB
    whose = served.drop_duplicates("container_id").set_index("container_id")["function"]
    resident = most.groupby(whose.reindex(most.index))
    asked = [one for one in functions if one.duration_ms is not None]
    names = [one.name for one in asked]
    table = pd.DataFrame(
        {
            "function": names,
            "arrivals": took.size().reindex(names, fill_value=0).to_numpy(),
            "asked_ms": [one.duration_ms for one in asked],
            "took_ms": took.median().reindex(names).to_numpy(),
            "took_95_ms": took.quantile(0.95).reindex(names).to_numpy(),
            "containers": resident.count().reindex(names, fill_value=0).to_numpy(),
            "asked_mib": [one.memory_mib for one in asked],
            "resident_mib": resident.median().reindex(names).to_numpy(),
        }
    )
    return table[list(STAND_IN_COLUMNS)]
