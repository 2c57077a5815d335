"""Dose and response: what was seen at each dose, and what the model says."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from iluvatar_bench.report.figures.style import axes_or_new, describe, in_style, theme


@in_style
def plot_dose_response(
    doses: pd.DataFrame,
    *,
    unit: str,
    axes: Axes | None = None,
) -> Axes:
    """Failure rates in percent over the dose, with intervals, beside the model's curve.

    The axis is logarithmic where the positive doses span a factor of 30 or more; a dose of 0 then
    stands at its left end.

    Args:
        doses: one row a dose: ``dose``, ``failures``, ``trials``, ``low``, ``high`` (the interval
            of the rate, 0 to 1) and, optionally, ``model`` (the rate that it predicts).
        unit: what the dose is, with its unit: "pause threshold, share of time".
        axes: where to draw; a new figure by default.
    """
    table = doses.sort_values("dose")
    dose = table["dose"].to_numpy(dtype=float)
    share = table["failures"].to_numpy(dtype=float) / table["trials"].to_numpy(dtype=float)
    axes = axes_or_new(axes, 7.5, 4.0)
    _scale(axes, dose)
    below, above = (
        np.abs(100 * (table[name].to_numpy(dtype=float) - share)) for name in ("low", "high")
    )
    axes.errorbar(
        dose,
        100 * share,
        [below, above],
        fmt="o",
        color=theme().right,
        ecolor=theme().ink,
        capsize=3,
        label="seen (95 % interval)",
    )
    if "model" in table:
        model = 100 * table["model"].to_numpy(dtype=float)
        axes.plot(dose, model, "--", color=theme().others[1], lw=1.8, label="model")
    each = sorted(set(table["trials"].astype(int)))
    size = f"{each[0]}" if len(each) == 1 else f"{each[0]} to {each[-1]}" if each else "0"
    axes.set_xlabel(unit)
    axes.set_ylabel("failed trials, %")
    axes.set_ylim(-3, 103)
    axes.set_title(f"Dose and response (n = {size} trials a dose)")
    axes.legend()
    told = ", ".join(f"{d:g}: {100 * s:.0f} %" for d, s in zip(dose, share, strict=True))
    describe(axes, f"Points with intervals: failure rate over {unit}. {told}.")
    return axes


def _scale(axes: Axes, dose: NDArray[np.float64]) -> None:
    """Logarithmic where the positive doses span a factor of 30, with a dose of 0 at the left."""
    positive = dose[dose > 0]
    if not len(positive) or positive.max() < 30 * positive.min():
        return
    if (dose <= 0).any():
        axes.set_xscale("symlog", linthresh=positive.min())
    else:
        axes.set_xscale("log")
