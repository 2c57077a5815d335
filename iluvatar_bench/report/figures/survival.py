"""Kaplan-Meier curves: how long ready containers live, how long starts take."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from iluvatar_bench.report.figures.captions import entitle, legend_above, note
from iluvatar_bench.report.figures.scales import unit_of_seconds
from iluvatar_bench.report.figures.style import (
    DASHES,
    MOST_MARKS,
    axes_or_new,
    colour_of,
    describe,
    in_style,
    marks_of,
)
from iluvatar_bench.stats import SurvivalCurve


@in_style
def plot_survival(
    curves: Mapping[str, SurvivalCurve], *, event: str = "death", axes: Axes | None = None
) -> Axes:
    """The share without the event over time, one stepped line a profile, with its 95 % band.

    Args:
        curves: profile to curve (``stats.time_to_death`` or ``stats.time_to_ready``).
        event: what the curve waits for, in a word.
        axes: where to draw; a new figure by default.
    """
    axes = axes_or_new(axes, 7.5, 4.0)
    told = []
    longest = max((curve.table["time_ms"].max() for curve in curves.values()), default=0.0)
    per_second, unit = unit_of_seconds(longest / 1000)
    for position, (label, curve) in enumerate(curves.items()):
        table = curve.table.iloc[marks_of(len(curve.table))]
        if table.empty:
            told.append(f"{label}: no trial")
            continue
        time = table["time_ms"] / 1000 * per_second
        share, low, high = (100 * table[name] for name in ("survival", "low", "high"))
        colour = colour_of(label, position)
        axes.step(
            time,
            share,
            where="post",
            color=colour,
            ls=DASHES[position % len(DASHES)],
            lw=1.8,
            label=f"{label} (n = {curve.total}, {curve.events} × {event})",
        )
        axes.fill_between(time, low, high, step="post", color=colour, alpha=0.18, lw=0)
        told.append(
            f"{label}: {curve.events} of {curve.total}, "
            + (
                f"median {curve.median_ms / 1000:.3g} s"
                if np.isfinite(curve.median_ms)
                else "half never reached"
            )
        )
    axes.set_xlabel(f"time, {unit}")
    axes.set_ylabel(f"without {event}, %")
    axes.set_ylim(0, 103)
    axes.set_xlim(left=0)
    entitle(axes, f"Time to {event} (Kaplan-Meier)")
    legend_above(axes)
    thinned = any(len(curve.table) > MOST_MARKS for curve in curves.values())
    note(
        axes,
        "Bands: two-sided 95 % intervals at each time. A removal on purpose only ends the watch."
        + (f" Of more than {MOST_MARKS:,} times, so many are drawn." if thinned else ""),
    )
    describe(axes, f"Stepped curves: share without {event} over time. {'; '.join(told)}.")
    return axes
