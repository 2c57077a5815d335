"""Figures and the table of workloads of arrivals; each takes profile to frame, side by side."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_OUTCOMES = {"ok": "#4c72b0", "failed": "#c44e52", "unknown": "#8172b3", "dropped": "#937860"}
_PLACES = {"busy": "#4c72b0", "idle": "#a8c5e8", "leaving": "#dd8452"}
_STARTS = {"cold": "#dd8452", "warm": "#55a868"}


def churn_table(
    arrivals: Mapping[str, pd.DataFrame], pools: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """One row a measure, one column a profile.

    Args:
        arrivals: profile to ``arrivals`` (``experiments.arrivals.ARRIVAL_COLUMNS``).
        pools: profile to the pool's history (``experiments.pool_log.POOL_COLUMNS``).

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
    measures |= {f"… {name}": str(outcomes.get(name, 0)) for name in _OUTCOMES}
    measures |= {f"served {name}": str(starts.get(name, 0)) for name in _STARTS}
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
        for name in _STARTS
    }


def _spread(values: pd.Series[float]) -> str:
    known = values.dropna()
    if known.empty:
        return "–"
    return f"median {known.median():.1f}, 95 % below {known.quantile(0.95):.1f} (n = {len(known)})"


def arrivals_figure(arrivals: Mapping[str, pd.DataFrame]) -> Figure:
    """Every arrival by the time of its submission and its wait for a container, by outcome."""
    figure, axes = _side_by_side(len(arrivals))
    for one, (profile, frame) in zip(axes, arrivals.items(), strict=True):
        for outcome, colour in _OUTCOMES.items():
            rows = frame[frame["outcome"] == outcome]
            if len(rows):
                x, y = rows["submitted_at_ms"] / 1000, rows["queue_ms"].fillna(0) / 1000
                label = f"{outcome} (n = {len(rows)})"
                one.scatter(x, y, s=12, color=colour, alpha=0.7, label=label, linewidths=0)
        one.set_title(profile, fontsize=10)
        one.set_xlabel("submitted, s after the begin")
        one.legend(frameon=False, fontsize=8)
    axes[0].set_ylabel("wait for a container, s")
    return figure


def occupancy_figure(pools: Mapping[str, pd.DataFrame]) -> Figure:
    """The pool over time: containers by place, stacked, and the arrivals that wait, as a line."""
    figure, axes = _side_by_side(len(pools))
    for one, (profile, frame) in zip(axes, pools.items(), strict=True):
        seconds = frame["at_ms"].to_numpy() / 1000
        stack = [frame[place].to_numpy() for place in _PLACES]
        one.stackplot(
            seconds, *stack, labels=list(_PLACES), colors=list(_PLACES.values()), step="post"
        )
        waiting = frame["waiting"].to_numpy()
        one.step(seconds, waiting, where="post", color="#333333", lw=1, label="arrivals waiting")
        one.set_title(profile, fontsize=10)
        one.set_xlabel("s after the begin")
        one.legend(frameon=False, fontsize=8)
    axes[0].set_ylabel("containers; arrivals")
    return figure


def start_latency_figure(arrivals: Mapping[str, pd.DataFrame]) -> Figure:
    """Cumulative latency of served arrivals, cold and warm; counted from the planned time."""
    figure, axes = _side_by_side(len(arrivals))
    for one, (profile, frame) in zip(axes, arrivals.items(), strict=True):
        for start, colour in _STARTS.items():
            served = (frame["outcome"] == "ok") & (frame["start"] == start)
            values = np.sort(frame.loc[served, "latency_ms"].to_numpy(dtype=float))
            if len(values):
                share = 100 * np.arange(1, len(values) + 1) / len(values)
                label = f"{start} (n = {len(values)})"
                one.step(values, share, where="post", color=colour, label=label)
        one.set_xscale("log")
        one.set_title(profile, fontsize=10)
        one.set_xlabel("planned time to answer, ms")
        if one.get_legend_handles_labels()[0]:
            one.legend(frameon=False, fontsize=8)
    axes[0].set_ylabel("served arrivals, %")
    return figure


def _side_by_side(count: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(5.2 * count + 0.6, 3.6), layout="constrained")
    axes = list(figure.subplots(1, count, squeeze=False, sharey=True)[0])
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)
    return figure, axes
