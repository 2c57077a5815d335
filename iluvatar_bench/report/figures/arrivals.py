"""What became of the arrivals of one run: their wait, their outcome, their latency."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from iluvatar_bench.report.figures.style import (
    DASHES,
    MARKERS,
    axes_or_new,
    describe,
    in_style,
    theme,
)

OUTCOMES = ("ok", "failed", "unknown", "dropped")
STARTS = ("cold", "warm")


@in_style
def plot_arrivals(
    arrivals: pd.DataFrame, *, label: str = "arrivals", axes: Axes | None = None
) -> Axes:
    """Every arrival by the time of its submission and its wait for a container, by outcome.

    Args:
        arrivals: rows of ``runs.arrivals.ARRIVAL_COLUMNS``.
        label: the run's name in the title.
        axes: where to draw; a new figure by default.
    """
    axes = axes_or_new(axes, 6.0, 3.8)
    colours = (theme().right, theme().others[1], theme().others[4], theme().ink)
    told = []
    for outcome, colour, marker in zip(OUTCOMES, colours, MARKERS, strict=False):
        rows = arrivals[arrivals["outcome"] == outcome]
        told.append(f"{len(rows)} {outcome}")
        if rows.empty:
            continue
        axes.scatter(
            rows["submitted_at_ms"] / 1000,
            rows["queue_ms"].fillna(0) / 1000,
            s=14,
            color=colour,
            marker=marker,
            alpha=0.7,
            linewidths=0,
            label=f"{outcome} (n = {len(rows)})",
        )
    axes.set_xlabel("submitted after the start, s")
    axes.set_ylabel("wait for a container, s")
    axes.set_title(f"{label} (n = {len(arrivals)})")
    if len(arrivals):
        axes.legend()
    describe(axes, f"Points: each arrival of {label}, its wait and its outcome; {', '.join(told)}.")
    return axes


@in_style
def plot_start_latency(
    arrivals: pd.DataFrame, *, label: str = "served arrivals", axes: Axes | None = None
) -> Axes:
    """Cumulative latency of served arrivals, cold and warm, counted from the planned time.

    In a closed loop, which plans no times, it is counted from the submission.

    Args:
        arrivals: rows of ``runs.arrivals.ARRIVAL_COLUMNS``.
        label: the run's name in the title.
        axes: where to draw; a new figure by default.
    """
    axes = axes_or_new(axes, 6.0, 3.8)
    served = arrivals[arrivals["outcome"] == "ok"]
    colours = (theme().others[0], theme().right)
    told = []
    for start, colour, dashes in zip(STARTS, colours, DASHES, strict=False):
        values = np.sort(served.loc[served["start"] == start, "latency_ms"].to_numpy(dtype=float))
        if not len(values):
            told.append(f"no {start} start")
            continue
        told.append(f"{start} median {np.median(values):.3g} ms of {len(values)}")
        share = 100 * np.arange(1, len(values) + 1) / len(values)
        axes.step(
            values,
            share,
            where="post",
            color=colour,
            ls=dashes,
            lw=1.8,
            label=f"{start} (n = {len(values)})",
        )
    axes.set_xscale("log")
    axes.set_ylim(0, 103)
    axes.set_xlabel("latency from the planned time, ms")
    axes.set_ylabel("served arrivals, %")
    axes.set_title(f"{label} (n = {len(served)})")
    if len(served):
        axes.legend()
    describe(
        axes, f"Steps: cumulative latency of cold and warm starts, {label}; {'; '.join(told)}."
    )
    return axes
