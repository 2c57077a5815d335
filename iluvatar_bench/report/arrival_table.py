"""What became of the arrivals of runs, as a table: profile to frame, side by side."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from iluvatar_bench.stats import enough_for

OUTCOMES = ("ok", "failed", "unknown", "dropped")
STARTS = ("cold", "warm")


def churn_table(
    arrivals: Mapping[str, pd.DataFrame], pools: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """One row a measure, one column a profile.

    Args:
        arrivals: profile to ``arrivals`` (``runs.arrivals.ARRIVAL_COLUMNS``).
        pools: profile to the pool's history (``runs.pool_log.POOL_COLUMNS``).

    Returns:
        A frame of text. Counts add up: arrivals = ok + failed + unknown + dropped. Medians and
        95 % quantiles are in milliseconds, of the arrivals that have the value; so few that they
        have no such quantile have none. What a run of before does not know is a dash.
    """
    columns = {name: _texts(frame, pools[name]) for name, frame in arrivals.items()}
    return pd.DataFrame(columns).fillna("–").rename_axis("measure")


def measures_of(
    arrivals: pd.DataFrame, pool: pd.DataFrame
) -> tuple[dict[str, tuple[int, str]], dict[str, pd.Series[float]]]:
    """What is counted, with its unit; and what is timed, in milliseconds."""
    outcomes = arrivals["outcome"].value_counts()
    events = pool["event"].value_counts()
    served = arrivals[arrivals["outcome"] == "ok"]
    starts = served["start"].value_counts()
    counts = {"arrivals": (len(arrivals), "arrivals")}
    counts |= {f"… {name}": (int(outcomes.get(name, 0)), "arrivals") for name in OUTCOMES}
    counts |= {f"served {name}": (int(starts.get(name, 0)), "arrivals") for name in STARTS}
    if arrivals["attempts"].notna().any():
        # A retry hides no failure; runs of before knew none.
        tried_again = served["first_failure"].notna()
        stale = arrivals["mechanism"] == "stale_health"
        counts |= {
            "served after a failure": (int(tried_again.sum()), "arrivals"),
            "given to what had ended": (int(stale.sum()), "arrivals"),
        }
    counts |= {
        "containers launched": (int(events.get("launch", 0)), "containers"),
        "evicted for memory": (int(events.get("evict", 0)), "containers"),
        "found dead while idle": (int(events.get("dead", 0)), "containers"),
        "most memory at once": (int(pool["resident_mib"].max()), "MiB"),
    }
    times = {
        "lateness": arrivals["lateness_ms"],
        "wait for a container": arrivals["queue_ms"],
    }
    return counts, times | {
        f"latency {name}": served.loc[served["start"] == name, "latency_ms"] for name in STARTS
    }


def _texts(arrivals: pd.DataFrame, pool: pd.DataFrame) -> dict[str, str]:
    counts, times = measures_of(arrivals, pool)
    texts = {
        f"{name}, MiB" if unit == "MiB" else name: str(value)
        for name, (value, unit) in counts.items()
    }
    return texts | {f"{name}, ms": _spread(values) for name, values in times.items()}


def _spread(values: pd.Series[float]) -> str:
    known = values.dropna()
    if known.empty:
        return "–"
    most = f", 95 % below {known.quantile(0.95):.1f}" if enough_for(0.95, len(known)) else ""
    return f"median {known.median():.1f}{most} (n = {len(known)})"
