"""What became of the arrivals of one run: their wait, their outcome, their latency."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from iluvatar_bench.report.arrival_table import OUTCOMES, STARTS
from iluvatar_bench.report.figures.captions import entitle, legend_above, note
from iluvatar_bench.report.figures.scales import plain_log, start_at_zero
from iluvatar_bench.report.figures.style import (
    DASHES,
    MARKERS,
    MOST_MARKS,
    axes_or_new,
    describe,
    in_style,
    marks_of,
    theme,
)

_COUNTED_IN = 12
"""Stretches of the time in which arrivals without a wait are counted."""

_AT_ONCE_MS = 1

_LANE = 9
"""Height of a lane of numbers, points."""


@in_style
def plot_arrivals(
    arrivals: pd.DataFrame, *, label: str = "arrivals", axes: Axes | None = None
) -> Axes:
    """Every arrival by the time of its submission and its wait for a container, by outcome.

    Arrivals that waited less than a millisecond would lie on each other: below the axis stands how
    many there were.

    Args:
        arrivals: rows of ``runs.arrivals.ARRIVAL_COLUMNS``.
        label: the run's name in the title.
        axes: where to draw; a new figure by default.
    """
    axes = axes_or_new(axes, 6.0, 3.8)
    colours = (theme().right, theme().others[1], theme().others[4], theme().ink)
    told = []
    seconds = arrivals["submitted_at_ms"].to_numpy(dtype=float) / 1000
    waits = arrivals["queue_ms"].fillna(0.0).to_numpy(dtype=float)
    edges = np.linspace(0, max(seconds.max(initial=0.0), 0.001), _COUNTED_IN + 1)
    lanes = 0
    for outcome, colour, marker in zip(OUTCOMES, colours, MARKERS, strict=False):
        chosen = (arrivals["outcome"] == outcome).to_numpy(dtype=bool)
        told.append(f"{chosen.sum()} {outcome}")
        if not chosen.any():
            continue
        waited = chosen & (waits >= _AT_ONCE_MS)
        at_once = np.histogram(seconds[chosen & ~waited], edges)[0]
        if at_once.any():
            _counts(axes, edges, at_once, lanes, colour)
            lanes += 1
        axes.scatter(
            seconds[waited],
            waits[waited],
            s=14,
            color=colour,
            marker=marker,
            alpha=0.7,
            linewidths=0,
            rasterized=len(arrivals) > MOST_MARKS,
            label=f"{outcome} (n = {chosen.sum()}, {at_once.sum()} without wait)",
        )
    # Numbers alone would not widen the axis to their times.
    start_at_zero(axes, edges[-1], waits.max(initial=0.0))
    axes.set_xlabel("submitted after the start, s", labelpad=2)
    axes.tick_params(axis="x", pad=3 + _LANE * lanes)
    axes.set_ylabel("wait for a container, ms")
    entitle(axes, f"{label} (n = {len(arrivals)})")
    legend_above(axes)
    if lanes:
        note(
            axes,
            f"Points: arrivals that waited {_AT_ONCE_MS} ms or more. Below the axis: how many did "
            f"not, in each {_COUNTED_IN}th of the time, in the colour of their outcome.",
        )
    describe(axes, f"Points: each arrival of {label}, its wait and its outcome; {', '.join(told)}.")
    return axes


def _counts(
    axes: Axes, edges: NDArray[np.floating], counts: NDArray[np.integer], lane: int, colour: str
) -> None:
    """A lane of numbers below the axis."""
    for left, right, count in zip(edges[:-1], edges[1:], counts, strict=True):
        if count:
            axes.annotate(
                str(count),
                ((left + right) / 2, 0),
                (0, -3 - _LANE * lane),
                xycoords=axes.get_xaxis_transform(),
                textcoords="offset points",
                ha="center",
                va="top",
                fontsize=7.5,
                color=colour,
                annotation_clip=False,
            )


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
        drawn = marks_of(len(values))
        axes.step(
            values[drawn],
            100 * (drawn + 1) / len(values),
            where="post",
            color=colour,
            ls=dashes,
            lw=1.8,
            label=f"{start} (n = {len(values)})",
        )
    plain_log(axes)
    axes.set_ylim(0, 103)
    axes.set_xlabel("latency from the planned time, ms")
    axes.set_ylabel("served arrivals, %")
    entitle(axes, f"{label} (n = {len(served)})")
    legend_above(axes)
    note(axes, "Steps: share of the served arrivals that had their answer after so long.")
    describe(
        axes, f"Steps: cumulative latency of cold and warm starts, {label}; {'; '.join(told)}."
    )
    return axes
