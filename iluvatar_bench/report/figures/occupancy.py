"""A keep-alive pool over time."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from iluvatar_bench.report.figures.style import HATCHES, axes_or_new, describe, in_style, theme

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
    waiting = pool["waiting"].to_numpy(dtype=float)
    axes.step(seconds, waiting, where="post", color=theme().ink, lw=1, label="arrivals waiting")
    launched = int((pool["event"] == "launch").sum())
    axes.set_xlim(left=0)
    axes.set_xlabel("time since the start, s")
    axes.set_ylabel("containers and arrivals (count)")
    axes.set_title(f"{label} (n = {launched} containers)")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    # Room above the areas for the legend.
    axes.margins(y=0.35)
    axes.legend(loc="upper left", ncols=2)
    most = int(pool[list(PLACES)].sum(axis=1).max()) if len(pool) else 0
    longest = int(waiting.max()) if len(pool) else 0
    describe(
        axes,
        f"Areas: containers of {label} by place over time; {launched} launched, at most {most} at "
        f"once, at most {longest} arrivals waiting.",
    )
    return axes
