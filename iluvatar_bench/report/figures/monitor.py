"""Figures of what the monitor saw: one trial's time line, and how soon deaths are seen.

Each kind of thing has a lane or a place of its own besides its colour.
"""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from iluvatar_bench.records import Way
from iluvatar_bench.report.figures.captions import entitle, note
from iluvatar_bench.report.figures.scales import plain_log
from iluvatar_bench.report.figures.style import axes_or_new, describe, in_style, theme
from iluvatar_bench.report.sheet import sheet

_MIB = 1 << 20

_LANES = {
    "step": "steps",
    "kill": "our Kill of it",
    "neighbour_kill": "our Kills of its cgroup",
    "collection": "collections",
    "event": "containerd's events",
    "death": "death seen by",
    "sample": "memory",
}
_WAY_LABELS = {
    Way.PIDFD: "pidfd",
    Way.WAIT: "Tasks.Wait",
    Way.EVENT: "event stream",
    Way.LIST: "Tasks.List",
    Way.POLL: "memory poller",
}

OWN_KINDS = ("step", "kill", "collection", "death")
"""What a trial's life is measured by: without any of them there is nothing to draw."""

_LETTERS_IF_NARROW = 32
"""Of a line of names beside moments, where those of the beginning and of the end stand together."""

_SHORT_SHARE = 0.004
"""Bars are at least this share of the axis wide, or they could not be seen."""


@in_style
def timeline_figure(
    timeline: pd.DataFrame,
    *,
    window_ms: tuple[float, float] | None = None,
    axes: Axes | None = None,
) -> Axes:
    """One trial on one time axis, a lane a kind; failed steps are hatched.

    Args:
        timeline: as of ``report.timeline.trial_timeline``.
        window_ms: the part to show, in milliseconds since the submit; None: the whole life.
    """
    kinds = [kind for kind in _LANES if (timeline["kind"] == kind).any()]
    lane_in = 1.0 if sheet().narrow else 0.62
    axes = axes_or_new(axes, 9.5, lane_in * len(kinds) + 1.5)
    low, high = window_ms if window_ms is not None else _life(timeline)
    margin = 0.02 * max(high - low, 1.0)
    axes.set_xlim(low - margin, high + margin)
    for lane, kind in enumerate(kinds):
        rows = timeline[timeline["kind"] == kind]
        if kind == "sample":
            _draw_memory(axes, rows, lane)
        elif kind in ("event", "death"):
            _draw_moments(axes, rows, lane, _colour(kind))
        else:
            _draw_bars(axes, rows, lane, _colour(kind))
    axes.set_yticks(range(len(kinds)), [_lane_label(kind, timeline) for kind in kinds])
    axes.set_ylim(len(kinds) - 0.45, -0.6)
    axes.set_xlabel("time since the trial's submit, ms")
    axes.grid(axis="x", lw=0.6)
    axes.set_axisbelow(True)
    counts = timeline["kind"].value_counts()
    entitle(axes, f"One trial, what was done and seen of it (n = {len(timeline)})")
    told = ", ".join(f"{_LANES[kind]} ({counts[kind]})" for kind in kinds)
    steps = timeline[timeline["kind"] == "step"]
    failed = steps.loc[~steps["completed"].astype(bool), "name"]
    describe(
        axes,
        f"One trial from {low:.0f} to {high:.0f} ms after its submit, a lane for each kind of "
        f"thing: {told}. Failed: {', '.join(failed) or 'no step'}.",
    )
    return axes


def _colour(kind: str) -> str:
    orange, red, green, _, purple, *_ = theme().others
    return {
        "step": theme().right,
        "kill": orange,
        "neighbour_kill": red,
        "collection": purple,
        "event": theme().ink,
        "death": red,
        "sample": green,
    }[kind]


def _life(timeline: pd.DataFrame) -> tuple[float, float]:
    """From the first to the last thing of the trial's own: neighbours must not squeeze it."""
    own = timeline[timeline["kind"].isin(OWN_KINDS)]
    return float(own["started_ms"].min()), float(own["ended_ms"].max())


def _lane_label(kind: str, timeline: pd.DataFrame) -> str:
    if kind != "sample":
        return _LANES[kind]
    peak = timeline.loc[timeline["kind"] == "sample", "rss_bytes"].max()
    return f"memory\n(0–{peak / _MIB:.0f} MiB)" if pd.notna(peak) else "memory"


def _draw_bars(axes: Axes, rows: pd.DataFrame, lane: int, colour: str) -> None:
    low, high = axes.get_xlim()
    shown = rows[(rows["ended_ms"] >= low) & (rows["started_ms"] <= high)]
    for position, (_, row) in enumerate(shown.iterrows()):
        width = max(row["ended_ms"] - row["started_ms"], _SHORT_SHARE * (high - low))
        axes.barh(
            lane,
            width,
            left=row["started_ms"],
            height=0.42,
            color=colour,
            alpha=0.55 if position % 2 else 0.85,
            hatch=None if row["completed"] else "////",
            edgecolor=theme().paper if row["completed"] else theme().ink,
            lw=0.5,
        )
        left, right = max(row["started_ms"], low), min(row["started_ms"] + width, high)
        if row["kind"] == "step" and right - left > 0.05 * (high - low):
            middle = (left + right) / 2
            axes.text(middle, lane - 0.25, row["name"], ha="center", va="bottom", fontsize=7)


def _draw_moments(axes: Axes, rows: pd.DataFrame, lane: int, colour: str) -> None:
    low, high = axes.get_xlim()
    shown = rows[rows["started_ms"].between(low, high)]
    axes.plot(shown["started_ms"], np.full(len(shown), lane), "|", color=colour, ms=12, mew=1.6)
    # One text for those that stand together, or none could be read.
    groups = (shown["started_ms"].diff() > 0.06 * (high - low)).cumsum()
    # In turn on two lines, so that a long text does not run into the next one.
    for number, (_, group) in enumerate(shown.groupby(groups)):
        names = dict.fromkeys(str(name).removeprefix("/") for name in group["name"])
        late = group["started_ms"].iloc[0] > low + 0.75 * (high - low)
        text = ", ".join(names)
        axes.annotate(
            textwrap.fill(text, _LETTERS_IF_NARROW) if sheet().narrow else text,
            (group["started_ms"].iloc[-1 if late else 0], lane),
            (0, 8 + 8 * (number % 2)),
            textcoords="offset points",
            fontsize=7,
            ha="right" if late else "left",
            va="bottom",
        )


def _draw_memory(axes: Axes, rows: pd.DataFrame, lane: int) -> None:
    """A curve within the lane: its bottom is 0, its top the largest sample."""
    alive = rows[rows["rss_bytes"].notna()]
    peak = float(alive["rss_bytes"].max()) if len(alive) else 1.0
    height = lane + 0.35 - 0.7 * alive["rss_bytes"].astype(float) / peak
    axes.plot(alive["started_ms"], height, ".-", color=_colour("sample"), ms=4, lw=1.2)
    axes.hlines(lane + 0.35, *axes.get_xlim(), color=theme().faint, lw=0.5)


@in_style
def latency_figure(latencies: pd.DataFrame, *, axes: Axes | None = None) -> Axes:
    """How long after the signal each way saw the death: every death a dot, the median a line.

    Args:
        latencies: as of ``report.timeline.detection_latencies``.
    """
    ways = [way for way in _WAY_LABELS if (latencies["way"] == str(way)).any()]
    axes = axes_or_new(axes, 7.5, 0.6 * len(ways) + 1.4)
    colours = (theme().right, *theme().others)
    medians: dict[Way, float] = {}
    for lane, (way, colour) in enumerate(zip(ways, colours, strict=False)):
        values = latencies.loc[latencies["way"] == str(way), "latency_ms"].to_numpy(dtype=float)
        # Spread over the lane in their order, so that equal ones stay apart.
        height = lane + np.linspace(-0.25, 0.25, len(values)) if len(values) > 1 else [lane]
        axes.plot(values, height, "o", color=colour, ms=4, alpha=0.7, mec="none")
        median = medians[way] = float(np.median(values))
        axes.vlines(median, lane - 0.36, lane + 0.36, color=theme().ink, lw=1.8)
        axes.annotate(
            f"{median:,.0f} ms" if median >= 100 else f"{median:.3g} ms",
            (median, lane - 0.36),
            (0, 2),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    plain_log(axes)
    axes.set_yticks(
        range(len(ways)),
        [f"{_WAY_LABELS[w]} (n = {(latencies['way'] == str(w)).sum()})" for w in ways],
    )
    axes.set_ylim(len(ways) - 0.4, -0.75)
    axes.set_xlabel("time from SIGKILL to the news, ms")
    note(axes, "Points: a death each. Line: their median. The axis is logarithmic.")
    deaths = latencies["container_id"].nunique()
    entitle(axes, f"How soon a death is known (n = {deaths} deaths)")
    said = ", ".join(f"{_WAY_LABELS[way]} {median:.3g} ms" for way, median in medians.items())
    describe(axes, f"Dots: time from the signal to the news of {deaths} deaths. Medians: {said}.")
    return axes
