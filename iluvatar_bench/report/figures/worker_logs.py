"""Figures of what logs say: failures over time, and by function.

A function's name comes from a log, so it is drawn as it stands: as text, ``$`` included.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from iluvatar_bench.report.figures.captions import entitle, legend_above
from iluvatar_bench.report.figures.scales import time_of_day, whole_numbers
from iluvatar_bench.report.figures.style import (
    axes_or_new,
    class_look,
    describe,
    in_style,
    theme,
)
from iluvatar_bench.report.log_text import visible

_LONGEST_NAME = 60


@in_style
def plot_failures_over_time(
    counts: pd.DataFrame, *, every: str = "auto", axes: Axes | None = None
) -> Axes:
    """Failures per interval and class, stacked; without any, the figure says so.

    Args:
        counts: as of ``worker_logs.timeline``: a row an interval of length ``every`` (a pandas
            offset), a column a bug class; the index is the interval's start in UTC.
        every: the length of an interval; by default that of the index.
        axes: where to draw; a new figure by default.
    """
    if every == "auto":
        freq = getattr(counts.index, "freqstr", None)
        every = freq or "1h"
    if not every[0].isdigit():
        every = f"1{every}"
    axes = axes_or_new(axes, 9, 3.5)
    total = int(counts.to_numpy().sum())
    entitle(axes, f"Failures over time (n = {total})")
    describe(axes, f"Bars: failures per {every} and bug class, {total} in all.")
    if not total:
        axes.text(0.5, 0.5, "no failure with a time", ha="center", transform=axes.transAxes)
        axes.set_axis_off()
        return axes
    days = pd.Timedelta(every) / pd.Timedelta(days=1)
    floor = pd.Series(0, index=counts.index)
    for bug_class in counts.columns:
        look = class_look(str(bug_class))
        axes.bar(
            counts.index,
            counts[bug_class],
            bottom=floor,
            width=days,
            align="edge",
            color=look.colour,
            edgecolor=theme().paper,
            hatch=look.hatch,
            label=str(bug_class),
        )
        floor = floor + counts[bug_class]
    axes.set_ylabel(f"failures per {every} (count)")
    whole_numbers(axes.yaxis)
    time_of_day(axes)
    legend_above(axes)
    return axes


@in_style
def plot_failures_by_function(counts: pd.DataFrame, *, axes: Axes | None = None) -> Axes:
    """Failures per function and class, stacked.

    Args:
        counts: as of ``worker_logs.failure_counts``, with the columns ``function`` (None: not
            known), ``bug_class`` and ``failures``.
        axes: where to draw; a new figure by default.
    """
    named = counts.assign(function=counts["function"].fillna("unknown").map(visible))
    table = named.pivot_table(
        index="function", columns="bug_class", values="failures", aggfunc="sum", fill_value=0
    )
    axes = axes_or_new(axes, 9, 1.5 + 0.35 * max(len(table), 1))
    left = pd.Series(0, index=table.index)
    rows = range(len(table))
    for bug_class in table.columns:
        look = class_look(str(bug_class))
        axes.barh(
            rows,
            table[bug_class],
            left=left,
            color=look.colour,
            edgecolor=theme().paper,
            hatch=look.hatch,
            label=str(bug_class),
        )
        left = left + table[bug_class]
    axes.set_yticks(rows, labels=[name[:_LONGEST_NAME] for name in table.index])
    for label in axes.get_yticklabels():
        label.set_parse_math(False)
    axes.set_xlabel("failures (count)")
    whole_numbers(axes.xaxis)
    total = int(table.to_numpy().sum())
    entitle(axes, f"Failures by function (n = {total})")
    describe(axes, f"Bars: failures of {len(table)} functions by bug class, {total} in all.")
    legend_above(axes)
    return axes
