"""How bursty a trace is, and its replay, over short windows and long ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from iluvatar_bench.report.figures.captions import entitle, legend_above, note
from iluvatar_bench.report.figures.style import axes_or_new, describe, in_style, theme

_SECOND_MS = 1000
_UNITS = ((60_000, "min"), (_SECOND_MS, "s"), (1, "ms"))


@in_style
def plot_burstiness(rows: pd.DataFrame, *, label: str = "replay", axes: Axes | None = None) -> Axes:
    """The index of dispersion over the length of the windows: the trace's and the replay's.

    Where arrivals were kept by chance, what follows from that stands beside.

    Args:
        rows: one row a length: the fields of :class:`~iluvatar_bench.plans.Burstiness`.
        label: the run's name in the title.
        axes: where to draw; a new figure by default.
    """
    table = rows.dropna(subset=["trace", "replay"]).sort_values("trace_window_ms")
    axes = axes_or_new(axes, 6.0, 3.8)
    told = _plot_each(axes, table, label)
    axes.axhline(1, color=theme().ink, lw=0.8, ls=(0, (1, 3)))
    _scale(axes, table)
    axes.set_ylabel("index of dispersion:\nvariance / mean (count)")
    windows = table["windows"].astype(int)
    entitle(axes, f"Burstiness: {label} (n = {windows.min()} to {windows.max()} windows)")
    legend_above(axes)
    note(
        axes,
        "Variance of the counts in windows of one length over their mean. Dotted: 1, arrivals at "
        "random (Poisson) at every length.",
    )
    describe(axes, f"Index of dispersion over longer and longer windows: {'; '.join(told)}.")
    return axes


def _plot_each(axes: Axes, table: pd.DataFrame, label: str) -> list[str]:
    """A line for the trace, one for its replay, and what each says in words."""
    # A larger open mark around a smaller filled one: where both are the same both are seen.
    looks = {
        "trace": ("trace", theme().ink, "s", "none", "-", 9.0),
        "expected": ("expected of what was kept", theme().others[1], "D", "none", ":", 6.0),
        "replay": (label, theme().right, "o", theme().right, "--", 4.5),
    }
    if np.allclose(table["expected"], table["trace"]):
        del looks["expected"]
    told = []
    for column, (name, colour, marker, face, dashes, size) in looks.items():
        values = table[column].to_numpy(dtype=float)
        axes.plot(
            table["trace_window_ms"].to_numpy(dtype=float),
            values,
            marker=marker,
            markersize=size,
            markerfacecolor=face,
            color=colour,
            ls=dashes,
            lw=1.4,
            label=name,
        )
        told.append(f"{name} {', '.join(f'{value:.3g}' for value in values)}")
    return told


def _scale(axes: Axes, table: pd.DataFrame) -> None:
    """Both axes logarithmic; the windows themselves are the ticks."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.12g}"))
    lengths = table["trace_window_ms"].to_numpy(dtype=float)
    unit_ms, unit = next((one for one in _UNITS if lengths.min() >= one[0]), _UNITS[-1])
    replayed = table["replay_window_ms"].to_numpy(dtype=float) / _SECOND_MS
    pairs = zip(lengths / unit_ms, replayed, strict=True)
    axes.set_xticks(lengths, [f"{one:.3g}\n{other:.3g}" for one, other in pairs])
    axes.set_xlabel(f"window of the trace, {unit}; below: of its replay, s")
