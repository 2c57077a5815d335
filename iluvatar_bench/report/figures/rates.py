"""Failure rates with their intervals, by bug class and profile."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from iluvatar_bench.bugs import CLASSES_OF_2022
from iluvatar_bench.records import Outcome
from iluvatar_bench.report.figures.captions import entitle, legend_above, note
from iluvatar_bench.report.figures.intervals import INTERVALS, draw_bounds
from iluvatar_bench.report.figures.style import (
    HATCHES,
    axes_or_new,
    colour_of,
    describe,
    in_style,
    theme,
)


@in_style
def plot_rates(rates: pd.DataFrame, *, axes: Axes | None = None) -> Axes:
    """Bars of the failure rates in percent, one group a bug class, one bar a profile.

    A class that never failed has no bar, only the bound that its trials leave: one-sided, as in the
    tables, and drawn unlike the two-sided intervals.

    Args:
        rates: rows of ``stats.failure_rates``.
        axes: where to draw; a new figure by default.
    """
    classes = [str(name) for name in CLASSES_OF_2022]
    failures = rates[(rates["kind"] == "bug_class") & (rates["count"] > 0)]
    classes += [name for name in failures["bug_class"].unique() if name not in classes]
    profiles = list(rates["profile"].unique())
    axes = axes_or_new(axes, 1.7 * len(classes) + 2, 4.2)
    width = 0.8 / max(len(profiles), 1)
    for position, profile in enumerate(profiles):
        rows = rates[rates["profile"] == profile].set_index("bug_class").loc[classes]
        x = np.arange(len(classes)) + (position - (len(profiles) - 1) / 2) * width
        _bars(axes, x, width, rows, str(profile), position)
    axes.set_xticks(np.arange(len(classes)), [name.replace("_", "\n") for name in classes])
    axes.set_ylabel("failed trials, %")
    axes.set_ylim(0, min(118.0, max(10.0, axes.get_ylim()[1] * 1.08)))
    entitle(axes, "Failure rate per bug class; the number is the count")
    legend_above(axes)
    note(axes, INTERVALS)
    describe(axes, f"Bars: failure rate per bug class with its interval. {_totals(rates)}")
    return axes


def _bars(
    axes: Axes,
    x: NDArray[np.floating],
    width: float,
    rows: pd.DataFrame,
    profile: str,
    position: int,
) -> None:
    share = 100 * rows["rate"].to_numpy(dtype=float)
    low, high, bound = (
        100 * rows[name].to_numpy(dtype=float) for name in ("low", "high", "upper_bound_if_zero")
    )
    axes.bar(
        x,
        share,
        width * 0.92,
        color=colour_of(profile, position),
        edgecolor=theme().paper,
        hatch=HATCHES[position % len(HATCHES)],
        label=f"{profile} (n = {int(rows['trials'].iloc[0])})",
    )
    some = np.isnan(bound)
    axes.errorbar(
        x[some],
        share[some],
        [(share - low)[some], (high - share)[some]],
        fmt="none",
        ecolor=theme().ink,
        capsize=3,
        lw=1.2,
    )
    draw_bounds(axes, x[~some], bound[~some], theme().ink)
    for place, value, top in zip(x, rows["count"], np.where(some, high, bound), strict=True):
        axes.annotate(
            str(int(value)),
            (place, top),
            (0, 6),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )


def _totals(rates: pd.DataFrame) -> str:
    failed = rates[rates["bug_class"] == str(Outcome.FAILED)]
    parts = [f"{row['profile']} {row['count']} of {row['trials']}" for _, row in failed.iterrows()]
    return f"Failed: {', '.join(parts)}."
