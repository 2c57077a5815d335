"""Where the time of a container's life goes: durations by lifecycle step."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from iluvatar_bench.records import STEP_COLUMNS
from iluvatar_bench.report.figures.captions import entitle, legend_above, note
from iluvatar_bench.report.figures.scales import plain_log
from iluvatar_bench.report.figures.style import (
    HATCHES,
    axes_or_new,
    colour_of,
    describe,
    in_style,
    theme,
)


@in_style
def plot_steps(trials: pd.DataFrame, *, axes: Axes | None = None) -> Axes:
    """Box plots of each lifecycle step's duration (milliseconds, logarithmic), by profile.

    Steps that no trial reached are left out; boxes span the quartiles, whiskers 5 to 95 %.

    Args:
        trials: one row a trial, with columns of ``records.STEP_COLUMNS`` and ``profile``.
        axes: where to draw; a new figure by default.
    """
    names = [name for name in STEP_COLUMNS if name in trials and trials[name].notna().any()]
    profiles = [str(name) for name in trials["profile"].unique()]
    rows = [(name, profile) for name in names for profile in profiles]
    axes = axes_or_new(axes, 7.5, 0.22 * len(rows) + 0.16 * len(names) + 1.4)
    values = [trials.loc[trials["profile"] == profile, name].dropna() for name, profile in rows]
    boxes = axes.boxplot(
        [value.to_numpy() for value in values],
        positions=[
            step + 0.8 * (side + 0.5) / len(profiles) - 0.4
            for step in range(len(names))
            for side in range(len(profiles))
        ],
        orientation="horizontal",
        whis=(5, 95),
        widths=0.6 / len(profiles),
        sym="",
        patch_artist=True,
    )
    for box, (_, profile) in zip(boxes["boxes"], rows, strict=True):
        side = profiles.index(profile)
        box.set(facecolor=colour_of(profile, side), edgecolor=theme().ink, hatch=HATCHES[side % 6])
    for median in boxes["medians"]:
        # Black on both papers: the boxes are light on either.
        median.set(color="#000000", lw=2)
    labels = [f"{name.removesuffix('_ms')} (n = {_counts(trials, name)})" for name in names]
    axes.set_yticks(range(len(names)), labels)
    axes.invert_yaxis()
    plain_log(axes)
    axes.set_xlabel("duration, ms")
    entitle(axes, f"Time spent in each lifecycle step (n = {len(trials)} trials)")
    if len(profiles) > 1:
        legend_above(axes, _keys(profiles))
    note(
        axes,
        "Box: quartiles, with the median; whiskers: 5 to 95 % of the trials. n: trials that "
        "reached the step, of each profile.",
    )
    describe(
        axes,
        f"Box plots: duration of each lifecycle step in milliseconds. {_medians(trials, names)}",
    )
    return axes


def _counts(trials: pd.DataFrame, name: str) -> str:
    """How many trials of each profile reached the step."""
    return ", ".join(map(str, trials.groupby("profile", sort=False)[name].count()))


def _keys(profiles: list[str]) -> list[Patch]:
    return [
        Patch(facecolor=colour_of(p, i), edgecolor=theme().ink, hatch=HATCHES[i % 6], label=p)
        for i, p in enumerate(profiles)
    ]


def _medians(trials: pd.DataFrame, names: list[str]) -> str:
    parts = [f"{name.removesuffix('_ms')} {trials[name].median():.3g}" for name in names]
    return f"Medians over all trials: {', '.join(parts)}."
