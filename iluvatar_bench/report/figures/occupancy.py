"""A keep-alive pool over time."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patheffects import Normal, Stroke

from iluvatar_bench.report.figures.captions import entitle, legend_above, note
from iluvatar_bench.report.figures.scales import start_at_zero, whole_numbers
from iluvatar_bench.report.figures.style import (
    HATCHES,
    MOST_MARKS,
    axes_or_new,
    describe,
    in_style,
    theme,
)

PLACES = ("busy", "idle", "leaving")


@in_style
def plot_occupancy(pool: pd.DataFrame, *, label: str = "pool", axes: Axes | None = None) -> Axes:
    """Containers by place, stacked, and the arrivals that wait, as a line.

    Args:
        pool: the pool's history, rows of ``runs.pool_log.POOL_COLUMNS``.
        label: the run's name in the title.
        axes: where to draw; a new figure by default.
    """
    axes = axes_or_new(axes, 6.0, 3.8)
    seconds = pool["at_ms"].to_numpy(dtype=float) / 1000
    areas = axes.stackplot(
        seconds,
        *(pool[place].to_numpy(dtype=float) for place in PLACES),
        labels=PLACES,
        colors=(theme().right, theme().others[3], theme().others[0]),
        step="post",
    )
    for area, hatch in zip(areas, HATCHES, strict=False):
        area.set_hatch(hatch)
        area.set_edgecolor(theme().paper)
        area.set_linewidth(0)
        area.set_rasterized(len(pool) > MOST_MARKS)
    waiting = pool["waiting"].to_numpy(dtype=float)
    # With an edge of the paper's colour: the areas are as dark as the ink, or as light.
    axes.step(
        seconds,
        waiting,
        where="post",
        color=theme().ink,
        lw=1.1,
        label="arrivals waiting",
        rasterized=len(pool) > MOST_MARKS,
        path_effects=[Stroke(linewidth=3.2, foreground=theme().paper), Normal()],
    )
    launched = int((pool["event"] == "launch").sum())
    placed = pool[list(PLACES)].sum(axis=1).to_numpy(dtype=float)
    top = max(placed.max(initial=0.0), waiting.max(initial=0.0))
    start_at_zero(axes, seconds.max(initial=0.0), top)
    axes.set_xlabel("time since the start, s")
    axes.set_ylabel("containers and arrivals (count)")
    entitle(axes, f"{label} (n = {launched} containers)")
    whole_numbers(axes.yaxis)
    legend_above(axes)
    note(axes, "Areas: containers of the pool by place. Line: arrivals that wait for one.")
    most = int(pool[list(PLACES)].sum(axis=1).max()) if len(pool) else 0
    longest = int(waiting.max()) if len(pool) else 0
    describe(
        axes,
        f"Areas: containers of {label} by place over time; {launched} launched, at most {most} at "
        f"once, at most {longest} arrivals waiting.",
    )
    return axes
