"""Dose and response: what was seen at each dose, and what the model says."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from iluvatar_bench.report.figures.captions import entitle, legend_above, note
from iluvatar_bench.report.figures.intervals import INTERVALS, draw_shares
from iluvatar_bench.report.figures.style import axes_or_new, describe, figure_of, in_style, theme

DEFAULT_COUNTS: Mapping[str, str] = {
    "collected": "snapshot collected",
    "failed": "container failed by it",
}


_LETTER_IN = 0.08
"""Of a tick's label."""


@in_style
def plot_dose_response(
    doses: pd.DataFrame,
    *,
    unit: str,
    counts: Mapping[str, str] = DEFAULT_COUNTS,
    axes: Axes | None = None,
) -> Axes:
    """Rates in percent over the dose, with Wilson intervals (95 %), beside the model's curves.

    The axis is logarithmic where the positive doses span a factor of 30 or more; a dose of 0 then
    stands at its left end.

    Args:
        doses: one row a dose: ``dose``, ``trials``, the columns of ``counts``, and optionally for
            each of these what a model predicts, 0 to 1: ``model_collected`` for ``collected``.
        unit: what the dose is, with its unit: "pause threshold, share of time".
        counts: column to its name in the legend; at most two.
        axes: where to draw; a new figure by default.
    """
    table = doses.sort_values("dose")
    dose = table["dose"].to_numpy(dtype=float)
    axes = axes_or_new(axes, 7.5, 4.0)
    _scale(axes, dose)
    told = []
    # Filled and open markers, dashed and dotted lines: told apart in grey as well.
    looks = [(theme().others[3], "none", "--"), (theme().others[1], None, ":")]
    for (column, label), (color, face, line) in zip(counts.items(), looks, strict=False):
        shares = _plot_seen(axes, table, column, label, color, face)
        if f"model_{column}" in table:
            model = 100 * table[f"model_{column}"].to_numpy(dtype=float)
            axes.plot(dose, model, line, color=color, lw=1.8, label=f"{label}: model")
        points = ", ".join(f"{d:g}: {s:.0f} %" for d, s in zip(dose, shares, strict=True))
        told.append(f"{label}: {points}")
    each = sorted(set(table["trials"].astype(int)))
    size = f"{each[0]}" if len(each) == 1 else f"{each[0]}–{each[-1]}" if each else "0"
    axes.set_xlabel(unit)
    axes.set_ylabel("containers, %")
    axes.set_ylim(-3, 103)
    entitle(axes, f"Dose and response (n = {size} containers a dose)")
    legend_above(axes)
    note(axes, INTERVALS)
    describe(axes, f"Points with intervals over {unit}. {'; '.join(told)}.")
    return axes


def _plot_seen(
    axes: Axes, table: pd.DataFrame, column: str, label: str, color: str, face: str | None
) -> NDArray[np.float64]:
    """Points and intervals of one count; the rates in percent."""
    return draw_shares(
        axes,
        table["dose"].to_numpy(dtype=float),
        table[column],
        table["trials"],
        colour=color,
        fmt="o",
        markerfacecolor=face or color,
        capsize=3,
        label=label,
    )


def _scale(axes: Axes, dose: NDArray[np.float64]) -> None:
    """Logarithmic where the positive doses span a factor of 30, with a dose of 0 at the left."""
    positive = dose[dose > 0]
    if not len(positive) or positive.max() < 30 * positive.min():
        return
    if (dose <= 0).any():
        axes.set_xscale("symlog", linthresh=positive.min())
    else:
        axes.set_xscale("log")
    # The doses themselves, and not the powers of ten between them.
    labels = [f"{value:g}" for value in dose]
    axes.set_xticks(dose, labels)
    axes.minorticks_off()
    if _too_close(axes, dose, labels):
        axes.tick_params(axis="x", rotation=35)


def _too_close(axes: Axes, dose: NDArray[np.float64], labels: list[str]) -> bool:
    """Whether two labels would meet."""
    places = np.sort(axes.transData.transform(np.column_stack([dose, np.zeros_like(dose)]))[:, 0])
    inches = np.diff(places) / figure_of(axes).dpi
    return bool((inches < _LETTER_IN * (max(map(len, labels)) + 1)).any())
