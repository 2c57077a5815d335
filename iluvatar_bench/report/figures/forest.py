"""Differences with their intervals, one row each: of two runs, or of a factor's levels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from iluvatar_bench.report.figures.captions import entitle, label_below, note
from iluvatar_bench.report.figures.style import axes_or_new, describe, in_style, theme
from iluvatar_bench.report.sheet import sheet
from iluvatar_bench.stats.number_text import signed

_ONE_LINE_IN, _TWO_LINES_IN = 0.36, 0.6
"""Height of a row on a screen, inches; a narrow figure has the class and the factor in two lines.
"""


@in_style
def plot_differences(
    table: pd.DataFrame, *, names: tuple[str, str], axes: Axes | None = None
) -> Axes:
    """The difference of two sides' rates in percentage points, one row a class that came.

    Args:
        table: rows of ``stats.describe_sides`` or ``stats.block_classes``.
        names: what to call the baseline and the candidate.
        axes: where to draw; a new figure by default.
    """
    happened = table["baseline_count"] + table["candidate_count"] > 0
    shown = table[happened | (table["bug_class"] == "failed")]
    labels = [
        f"{row['bug_class']} ({row['baseline_count']} : {row['candidate_count']})"
        for _, row in shown.iterrows()
    ]
    told = shown["verdict"].isin(["better", "worse"])
    judged = shown["p_holm"].notna().any()
    axes = axes_or_new(axes, 7.5, 0.42 * len(shown) + 1.5)
    _forest(axes, shown, labels, told)
    sizes = [int(table[f"{side}_trials"].iloc[0]) for side in ("baseline", "candidate")]
    label_below(axes, f"{names[1]} minus {names[0]}, percentage points")
    reading = "judged" if judged else "described, not judged"
    entitle(axes, f"Difference per class (n = {sizes[0]} : {sizes[1]}), {reading}")
    filled = " Filled: shown, by Holm's method over the classes." if judged else ""
    note(axes, f"Lines: two-sided 95 % intervals. In brackets: failed trials.{filled}")
    failed = shown[shown["bug_class"] == "failed"].iloc[0]
    describe(
        axes,
        f"Points with intervals: difference of failure rates, {names[1]} minus {names[0]}. All "
        f"failures: {signed(100 * failed['difference'])} points, {failed['verdict']}.",
    )
    return axes


@in_style
def plot_effects(effects: pd.DataFrame, *, axes: Axes | None = None) -> Axes:
    """The effect of each factor on each bug class that came, in percentage points.

    Args:
        effects: rows of ``stats.factor_effects``.
        axes: where to draw; a new figure by default.
    """
    shown = effects[effects["reference_count"] + effects["level_count"] > 0]
    labels = [
        f"{row['bug_class']}: {row['factor']} {row['reference']} → {row['level']}"
        for _, row in shown.iterrows()
    ]
    row_in = _TWO_LINES_IN if sheet().narrow else _ONE_LINE_IN
    axes = axes_or_new(axes, 9.0, row_in * max(len(shown), 1) + 1.5)
    told = shown["verdict"] != "no effect shown"
    broken = [label.replace(": ", ":\n", 1) for label in labels]
    _forest(axes, shown, broken if sheet().narrow else labels, told)
    trials = effects["reference_trials"] + effects["level_trials"]
    size = f" (n = {int(trials.max())} trials)" if len(effects) else ""
    label_below(axes, "change of the failure rate, percentage points")
    entitle(axes, f"Effect of each factor on each bug class{size}")
    note(axes, "Lines: two-sided 95 % intervals. Filled: shown, by Holm's method over all rows.")
    found = [f"{label} {verdict}" for label, verdict in zip(labels, shown["verdict"], strict=True)]
    raised = [text for text, is_told in zip(found, told, strict=True) if is_told]
    describe(
        axes,
        "Points with intervals: effect of each factor on each bug class. "
        f"Shown: {'; '.join(raised) or 'none'}.",
    )
    return axes


def _forest(axes: Axes, table: pd.DataFrame, labels: Sequence[str], told: pd.Series[bool]) -> None:
    """One row a line: a filled point where the difference was shown, a hollow one elsewhere."""
    y = np.arange(len(table))
    middle, low, high = (
        100 * table[name].to_numpy(dtype=float) for name in ("difference", "low", "high")
    )
    axes.axvline(0, color=theme().faint, lw=1.2, zorder=0)
    axes.hlines(y, low, high, color=theme().ink, lw=1.3)
    colour = theme().right
    faces = [colour if shown else theme().paper for shown in told]
    size = 16 if sheet().narrow else 44
    axes.scatter(middle, y, s=size, c=faces, edgecolors=theme().ink, zorder=3)
    axes.set_yticks(y, labels)
    axes.set_ylim(len(table) - 0.4, -0.6)
