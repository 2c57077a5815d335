"""Who lived beside whom: a Gantt chart of container lifecycles, failures marked."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from iluvatar_bench.report.figures.style import (
    HATCHES,
    MARKERS,
    axes_or_new,
    describe,
    in_style,
    theme,
)

PHASES = {
    "create": ("create_ms", "prepare_ms", "task_create_ms", "start_ms"),
    "start-up": ("ready_ms",),
    "alive": ("alive_ms",),
    "remove": ("kill_ms", "delete_ms"),
}
"""Phases of a life in their order, and the steps that make each up.

The first invocation is part of ``alive_ms``."""


@in_style
def plot_lifecycles(trials: pd.DataFrame, *, limit: int = 60, axes: Axes | None = None) -> Axes:
    """One line a container over the run's time in seconds, in phases; a mark where it failed.

    What is left white of a life is a step that failed, which has no duration, or the work between
    steps.

    Args:
        trials: one row a trial, with ``submitted_at`` (UTC), ``total_ms``, the steps' columns,
            ``outcome`` and ``bug_class``. Trials without a total are left out.
        limit: draw only so many, the first to be submitted.
        axes: where to draw; a new figure by default.
    """
    known = trials[trials["total_ms"].notna()].copy()
    known["submitted_at"] = pd.to_datetime(known["submitted_at"], utc=True, format="ISO8601")
    known = known.sort_values("submitted_at", kind="stable")
    shown = known.head(limit)
    axes = axes_or_new(axes, 9.0, 0.1 * max(len(shown), 10) + 1.6)
    y = np.arange(len(shown))
    begin = (shown["submitted_at"] - shown["submitted_at"].min()).dt.total_seconds().to_numpy()
    total = shown["total_ms"].to_numpy(dtype=float) / 1000
    axes.barh(y, total, 0.85, begin, color=theme().paper, edgecolor=theme().faint, lw=0.5)
    _phases(axes, shown, y, begin, begin + total)
    _marks(axes, shown, y, begin + total)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.set_ylabel("container, in the order of submits")
    axes.set_xlabel("time since the first submit, s")
    part = (
        f"first {len(shown)} of {len(known)} trials" if len(known) > limit else f"n = {len(known)}"
    )
    axes.set_title(f"Lifecycles side by side ({part})")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    failed = int((shown["outcome"] == "failed").sum())
    describe(
        axes,
        f"Gantt chart: {len(shown)} container lifecycles over "
        f"{(begin + total).max() if len(shown) else 0:.0f} s; {failed} marked as failed.",
    )
    return axes


def _phases(
    axes: Axes,
    shown: pd.DataFrame,
    y: NDArray[np.int64],
    begin: NDArray[np.float64],
    end: NDArray[np.float64],
) -> None:
    """Each phase follows the one before; the removal is counted back from the end of the life."""
    colours = (theme().others[0], theme().others[3], theme().right, theme().faint)
    left = begin.copy()
    for position, (name, steps) in enumerate(PHASES.items()):
        present = [step for step in steps if step in shown]
        length = shown[present].sum(axis=1).to_numpy(dtype=float) / 1000
        start = end - length if name == "remove" else left
        hatch = HATCHES[2] if name == "start-up" else ""
        axes.barh(
            y,
            length,
            0.85,
            start,
            color=colours[position],
            hatch=hatch,
            edgecolor=theme().paper,
            lw=0,
            label=name,
        )
        left = left + length


def _marks(
    axes: Axes,
    shown: pd.DataFrame,
    y: NDArray[np.int64],
    end: NDArray[np.float64],
) -> None:
    # Failures have a class and nothing else has one.
    names = shown["bug_class"].mask(shown["outcome"] == "unknown", "unknown")
    for position, name in enumerate(names.dropna().unique()):
        chosen = (names == name).to_numpy(dtype=bool)
        axes.scatter(
            end[chosen],
            y[chosen],
            s=26,
            marker=MARKERS[position % len(MARKERS)],
            color=theme().others[1],
            edgecolors=theme().ink,
            linewidths=0.7,
            zorder=4,
            label=f"{name} ({int(chosen.sum())})",
        )
