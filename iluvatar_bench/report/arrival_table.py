"""What became of the arrivals of runs, as a table: profile to frame, side by side."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from iluvatar_bench.report.figures.arrivals import OUTCOMES, STARTS


def churn_table(
    arrivals: Mapping[str, pd.DataFrame], pools: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """One row a measure, one column a profile.

    Args:
        arrivals: profile to ``arrivals`` (``runs.arrivals.ARRIVAL_COLUMNS``).
        pools: profile to the pool's history (``runs.pool_log.POOL_COLUMNS``).

    Returns:
        A frame of text. Counts add up: arrivals = ok + failed + unknown + dropped. Medians and
        95 % quantiles are in milliseconds, of the arrivals that have the value.
    """
    columns = {name: _measures(frame, pools[name]) for name, frame in arrivals.items()}
    return pd.DataFrame(columns).rename_axis("measure")


def _measures(arrivals: pd.DataFrame, pool: pd.DataFrame) -> dict[str, str]:
    outcomes = arrivals["outcome"].value_counts()
    events = pool["event"].value_counts()
    served = arrivals[arrivals["outcome"] == "ok"]
    starts = served["start"].value_counts()
    measures = {"arrivals": str(len(arrivals))}
    measures |= {f"… {name}": str(outcomes.get(name, 0)) for name in OUTCOMES}
    measures |= {f"served {name}": str(starts.get(name, 0)) for name in STARTS}
    measures |= {
        "containers launched": str(events.get("launch", 0)),
        "evicted for memory": str(events.get("evict", 0)),
        "found dead while idle": str(events.get("dead", 0)),
        "most memory at once, MiB": str(pool["resident_mib"].max()),
        "lateness, ms": _spread(arrivals["lateness_ms"]),
        "wait for a container, ms": _spread(arrivals["queue_ms"]),
    }
    return measures | {
        f"latency {name}, ms": _spread(served.loc[served["start"] == name, "latency_ms"])
        for name in STARTS
    }


def _spread(values: pd.Series[float]) -> str:
    known = values.dropna()
    if known.empty:
        return "–"
    return f"median {known.median():.1f}, 95 % below {known.quantile(0.95):.1f} (n = {len(known)})"
