"""Figures: failure rates with their intervals, and where the time of a cold start goes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import display
from matplotlib.figure import Figure

from iluvatar_bench.bugs import CLASSES_OF_2022
from iluvatar_bench.records import STEP_COLUMNS

_COLOURS = ("#c44e52", "#4c72b0", "#dd8452", "#55a868", "#8172b3", "#937860")
"""Distinguishable in print and for colour-blind readers."""

_COLOUR_OF = {"guarded": "#4c72b0"}
"""The profile that does it right looks the same in every figure."""


def rates_figure(rates: pd.DataFrame) -> Figure:
    """Bars of the failure rates, one group a bug class, one bar a profile, with intervals.

    A class that never failed has no bar, only the interval that its trials leave open.

    Args:
        rates: rows of ``stats.failure_rates``.
    """
    classes = [str(name) for name in CLASSES_OF_2022]
    failures = rates[(rates["kind"] == "bug_class") & (rates["count"] > 0)]
    classes += [name for name in failures["bug_class"].unique() if name not in classes]
    profiles = list(rates["profile"].unique())
    figure = Figure(figsize=(1.7 * len(classes) + 2, 4.2), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(profiles)
    others = [colour for colour in _COLOURS if colour not in _COLOUR_OF.values()]
    for position, profile in enumerate(profiles):
        rows = rates[rates["profile"] == profile].set_index("bug_class").loc[classes]
        x = np.arange(len(classes)) + (position - (len(profiles) - 1) / 2) * width
        share = 100 * rows["rate"].to_numpy(dtype=float)
        below = share - 100 * rows["low"].to_numpy(dtype=float)
        # For none, the same one-sided bound that the tables print.
        high = rows["upper_bound_if_zero"].fillna(rows["high"])
        above = 100 * high.to_numpy(dtype=float) - share
        colour = _COLOUR_OF.get(profile) or others[position % len(others)]
        label = f"{profile} (n = {int(rows['trials'].iloc[0])})"
        axes.bar(x, share, width * 0.92, color=colour, label=label, alpha=0.85)
        axes.errorbar(x, share, [below, above], fmt="none", ecolor="#333333", capsize=3, lw=1.2)
        for place, value, top in zip(x, rows["count"], share + above, strict=True):
            axes.annotate(
                str(int(value)),
                (place, top),
                (0, 3),
                textcoords="offset points",
                ha="center",
                fontsize=8,
            )
    axes.set_xticks(np.arange(len(classes)), [name.replace("_", "\n") for name in classes])
    axes.set_ylabel("failed trials, % (95 % interval; for none, bound)")
    axes.set_ylim(0, min(118.0, max(10.0, axes.get_ylim()[1] * 1.08)))
    axes.set_title("Failure rate per bug class; the number is the count", fontsize=10)
    axes.legend(frameon=False, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def steps_figure(trials: pd.DataFrame) -> Figure:
    """Box plots of each lifecycle step's duration (milliseconds, logarithmic).

    Steps that no trial reached are left out; boxes span the quartiles, whiskers 5 to 95 %.
    """
    names = [name for name in STEP_COLUMNS if name in trials and trials[name].notna().any()]
    figure = Figure(figsize=(7.5, 0.42 * len(names) + 1.4), layout="constrained")
    axes = figure.subplots()
    values = [trials[name].dropna().to_numpy() for name in names]
    boxes = axes.boxplot(
        values,
        orientation="horizontal",
        whis=(5, 95),
        widths=0.6,
        sym="",
        patch_artist=True,
        tick_labels=[
            f"{name.removesuffix('_ms')} (n = {len(v)})"
            for name, v in zip(names, values, strict=True)
        ],
    )
    for box in boxes["boxes"]:
        box.set(facecolor="#c9d6e8", edgecolor="#4c72b0")
    for median in boxes["medians"]:
        median.set(color="#c44e52", lw=1.6)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("duration, ms (box: quartiles, whiskers: 5–95 %)")
    axes.set_title("Time spent in each lifecycle step", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def show_figure(figure: Figure, description: str) -> None:
    """Show the figure in a notebook, with a description for those who cannot see it."""
    display(figure, metadata={"image/png": {"alt": description}})  # type: ignore[no-untyped-call]


def save_figure(figure: Figure, path: Path) -> tuple[Path, Path]:
    """Write the figure as PNG and SVG beside each other; gives the two paths.

    ``path`` is without its suffix.
    """
    png, svg = path.with_suffix(".png"), path.with_suffix(".svg")
    figure.savefig(png, dpi=144)
    figure.savefig(svg)
    return png, svg
