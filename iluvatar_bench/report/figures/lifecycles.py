"""Who lived beside whom: a Gantt chart of container lifecycles, failures marked."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from iluvatar_bench.report.figures.captions import entitle, legend_above
from iluvatar_bench.report.figures.scales import unit_of_seconds, whole_numbers
from iluvatar_bench.report.figures.style import (
    HATCHES,
    axes_or_new,
    class_look,
    describe,
    in_style,
    theme,
)
from iluvatar_bench.report.life_phases import PHASES

LIFE_COLUMNS = (
    "submitted_at",
    "total_ms",
    "outcome",
    "bug_class",
    *(step for steps in PHASES.values() for step in steps),
)
"""What is drawn of a trial."""


@in_style
def plot_lifecycles(
    trials: pd.DataFrame,
    *,
    limit: int = 60,
    until_s: float | None = None,
    collections: pd.DataFrame | None = None,
    axes: Axes | None = None,
) -> Axes:
    """One line a container over the run's time, in phases; a mark where it failed.

    What is left white of a life is a step that failed, which has no duration, or the work between
    steps.

    Args:
        trials: one row a trial, with ``submitted_at`` (UTC), ``total_ms``, the steps' columns,
            ``outcome`` and ``bug_class``. Trials without a total are left out.
        limit: draw only so many, the first to be submitted.
        until_s: where the axis of time ends, seconds, so that several figures have the same one
            (:func:`lifecycles_end_s`); default: where the last life does.
        collections: when containerd collected (``ended_at``, UTC): a line through all lives each.
        axes: where to draw; a new figure by default.
    """
    shown, known = _first(trials, limit)
    per_second, unit = unit_of_seconds(until_s or lifecycles_end_s(trials, limit=limit))
    axes = axes_or_new(axes, 9.0, 0.1 * max(len(shown), 10) + 1.6)
    y = np.arange(len(shown))
    begin = per_second * _begins_s(shown).to_numpy(dtype=np.float64)
    total = per_second * shown["total_ms"].to_numpy(dtype=np.float64) / 1000
    axes.barh(y, total, 0.85, begin, color=theme().paper, edgecolor=theme().faint, lw=0.5)
    _phases(axes, shown, y, begin, begin + total, per_second)
    _marks(axes, shown, y, begin + total)
    if collections is not None and not shown.empty:
        _collections(axes, collections, shown, per_second)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlim(0, None if until_s is None else until_s * per_second * 1.02)
    whole_numbers(axes.yaxis)
    axes.set_ylabel("container, in the order of submits")
    axes.set_xlabel(f"time since the first submit, {unit}")
    part = f"first {len(shown)} of {known} trials" if known > limit else f"n = {known}"
    entitle(axes, f"Lifecycles side by side ({part})")
    legend_above(axes)
    failed = int((shown["outcome"] == "failed").sum())
    describe(
        axes,
        f"Gantt chart: {len(shown)} container lifecycles over "
        f"{(begin + total).max() if len(shown) else 0:.0f} {unit}; {failed} marked as failed.",
    )
    return axes


def lifecycles_end_s(trials: pd.DataFrame, *, limit: int = 60) -> float:
    """When the last of the lives that ``plot_lifecycles`` draws ended, seconds."""
    shown, _ = _first(trials, limit)
    ends = _begins_s(shown) + shown["total_ms"].astype(float) / 1000
    return float(ends.max()) if len(shown) else 0.0


def _first(trials: pd.DataFrame, limit: int) -> tuple[pd.DataFrame, int]:
    """Those with a total that were submitted first, and how many have one."""
    known = np.flatnonzero(trials["total_ms"].notna())
    begins = pd.to_datetime(trials["submitted_at"], utc=True, format="ISO8601").iloc[known]
    first = np.argsort(begins.to_numpy(), kind="stable")[:limit]
    drawn = [name for name in LIFE_COLUMNS if name in trials]
    shown = trials[drawn].iloc[known[first]]
    return shown.assign(submitted_at=begins.iloc[first]), len(known)


def _begins_s(shown: pd.DataFrame) -> pd.Series[float]:
    begins: pd.Series[float] = (
        shown["submitted_at"] - shown["submitted_at"].min()
    ).dt.total_seconds()
    return begins


def _collections(
    axes: Axes, collections: pd.DataFrame, shown: pd.DataFrame, per_second: float
) -> None:
    """A line at each collection of the time that is shown."""
    since = (collections["ended_at"] - shown["submitted_at"].min()).dt.total_seconds()
    end_s = (_begins_s(shown) + shown["total_ms"] / 1000).max()
    times = since[since.between(0, end_s)].to_numpy(dtype=np.float64) * per_second
    if len(times):
        axes.vlines(
            times,
            -0.5,
            len(shown) - 0.5,
            color=theme().ink,
            lw=0.5,
            alpha=0.5,
            zorder=3,
            label=f"collections (n = {len(times)})",
        )


def _phases(
    axes: Axes,
    shown: pd.DataFrame,
    y: NDArray[np.int64],
    begin: NDArray[np.floating],
    end: NDArray[np.floating],
    per_second: float,
) -> None:
    """Each phase follows the one before; the removal is counted back from the end of the life."""
    colours = (theme().others[0], theme().others[3], theme().right, theme().faint)
    left = begin.copy()
    for position, (name, steps) in enumerate(PHASES.items()):
        present = [step for step in steps if step in shown]
        length = shown[present].sum(axis=1).to_numpy(dtype=float) / 1000 * per_second
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
    end: NDArray[np.floating],
) -> None:
    # Failures have a class and nothing else has one.
    names = shown["bug_class"].mask(shown["outcome"] == "unknown", "unknown")
    for name in names.dropna().unique():
        chosen = (names == name).to_numpy(dtype=bool)
        axes.scatter(
            end[chosen],
            y[chosen],
            s=26,
            marker=class_look(str(name)).marker,
            color=theme().others[1],
            edgecolors=theme().ink,
            linewidths=0.7,
            zorder=4,
            label=f"{name} ({int(chosen.sum())})",
        )
