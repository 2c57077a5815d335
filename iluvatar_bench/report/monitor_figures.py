"""Figures of what the monitor saw: one trial's time line, how soon deaths are seen, memory.

Each takes an ``Axes`` to draw on or makes its own, and gives it back. Colours are those of Okabe
and Ito (https://jfly.uni-koeln.de/color/), told apart by colour-blind readers; each kind also has a
place or a shape of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from iluvatar_bench.records import Way

_BLUE, _ORANGE, _GREEN, _RED, _SKY, _PURPLE, _GREY = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#d55e00",
    "#56b4e9",
    "#cc79a7",
    "#666666",
)

_MIB = 1 << 20

_LANES = {
    "step": "steps",
    "kill": "our Kill of it",
    "neighbour_kill": "our Kills of its cgroup",
    "collection": "forced collections",
    "event": "containerd's events",
    "death": "death seen by",
    "sample": "memory",
}
_COLOURS = {
    "step": _BLUE,
    "kill": _ORANGE,
    "neighbour_kill": _RED,
    "collection": _PURPLE,
    "event": _GREY,
    "death": _RED,
    "sample": _GREEN,
}

_WAY_LABELS = {
    Way.PIDFD: "pidfd",
    Way.WAIT: "Tasks.Wait",
    Way.EVENT: "event stream",
    Way.LIST: "Tasks.List",
    Way.POLL: "memory poller",
}

_SHORT_SHARE = 0.004
"""Bars are at least this share of the axis wide, or they could not be seen."""


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
    axes = axes if axes is not None else _axes(width=9.5, height=0.62 * len(kinds) + 1.3)
    low, high = window_ms if window_ms is not None else _life(timeline)
    margin = 0.02 * max(high - low, 1.0)
    axes.set_xlim(low - margin, high + margin)
    for lane, kind in enumerate(kinds):
        rows = timeline[timeline["kind"] == kind]
        if kind == "sample":
            _draw_memory(axes, rows, lane)
        elif kind in ("event", "death"):
            _draw_moments(axes, rows, lane, _COLOURS[kind])
        else:
            _draw_bars(axes, rows, lane, _COLOURS[kind])
    axes.set_yticks(range(len(kinds)), [_lane_label(kind, timeline) for kind in kinds])
    axes.set_ylim(len(kinds) - 0.45, -0.6)
    axes.set_xlabel("time since the trial's submit, ms")
    axes.grid(axis="x", alpha=0.3, lw=0.6)
    return _plain(axes)


def _life(timeline: pd.DataFrame) -> tuple[float, float]:
    """From the first to the last thing of the trial's own: neighbours must not squeeze it."""
    own = timeline[timeline["kind"].isin(("step", "kill", "collection", "death"))]
    return float(own["started_ms"].min()), float(own["ended_ms"].max())


def _lane_label(kind: str, timeline: pd.DataFrame) -> str:
    if kind != "sample":
        return _LANES[kind]
    peak = timeline.loc[timeline["kind"] == "sample", "rss_bytes"].max()
    return f"memory\n(0 to {peak / _MIB:.0f} MiB)" if pd.notna(peak) else "memory"


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
            edgecolor="white" if row["completed"] else "black",
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
    for _, group in shown.groupby(groups):
        names = dict.fromkeys(str(name).removeprefix("/") for name in group["name"])
        late = group["started_ms"].iloc[0] > low + 0.75 * (high - low)
        axes.annotate(
            ", ".join(names),
            (group["started_ms"].iloc[-1 if late else 0], lane),
            (0, 8),
            textcoords="offset points",
            fontsize=7,
            ha="right" if late else "left",
        )


def _draw_memory(axes: Axes, rows: pd.DataFrame, lane: int) -> None:
    """A curve within the lane: its bottom is 0, its top the largest sample."""
    alive = rows[rows["rss_bytes"].notna()]
    peak = float(alive["rss_bytes"].max()) if len(alive) else 1.0
    height = lane + 0.35 - 0.7 * alive["rss_bytes"].astype(float) / peak
    axes.plot(alive["started_ms"], height, ".-", color=_COLOURS["sample"], ms=4, lw=1.2)
    axes.hlines(lane + 0.35, *axes.get_xlim(), color=_GREY, lw=0.5)


def latency_figure(latencies: pd.DataFrame, *, axes: Axes | None = None) -> Axes:
    """How long after the signal each way saw the death: every death a dot, the median a line.

    Args:
        latencies: as of ``report.timeline.detection_latencies``.
    """
    ways = [way for way in _WAY_LABELS if (latencies["way"] == str(way)).any()]
    axes = axes if axes is not None else _axes(width=7.5, height=0.6 * len(ways) + 1.2)
    colours = (_BLUE, _GREEN, _ORANGE, _PURPLE, _RED)
    for lane, (way, colour) in enumerate(zip(ways, colours, strict=False)):
        values = latencies.loc[latencies["way"] == str(way), "latency_ms"].to_numpy(dtype=float)
        # Spread over the lane in their order, so that equal ones stay apart.
        height = lane + np.linspace(-0.25, 0.25, len(values)) if len(values) > 1 else [lane]
        axes.plot(values, height, "o", color=colour, ms=4, alpha=0.7, mec="none")
        median = float(np.median(values))
        axes.vlines(median, lane - 0.36, lane + 0.36, color="black", lw=1.8)
        axes.annotate(
            f"{median:.3g} ms",
            (median, lane - 0.36),
            (0, 2),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    axes.set_xscale("log")
    axes.set_yticks(
        range(len(ways)),
        [f"{_WAY_LABELS[w]} (n = {(latencies['way'] == str(w)).sum()})" for w in ways],
    )
    axes.set_ylim(len(ways) - 0.4, -0.75)
    axes.set_xlabel("time from SIGKILL to the news, ms (logarithmic; line: median)")
    return _plain(axes)


def memory_figure(
    samples: pd.DataFrame, *, deaths: pd.DataFrame | None = None, axes: Axes | None = None
) -> Axes:
    """Resident memory over time: each container, and all together; deaths as crosses.

    Args:
        samples: rows of ``records.Sample``.
        deaths: rows of ``records.Death``; a cross stands at a container's last sample alive.
    """
    axes = axes if axes is not None else _axes(width=8.5, height=3.8)
    began = samples["sampled_at"].min()
    seconds = (samples["sampled_at"] - began).dt.total_seconds()
    alive = samples.assign(seconds=seconds, mib=samples["rss_bytes"].astype("Float64") / _MIB)
    alive = alive[alive["mib"].notna()]
    containers = alive[alive["container_id"].notna()]
    dead = set() if deaths is None else set(deaths["container_id"])
    style: dict[str, Any] = {"color": _SKY, "lw": 0.9, "alpha": 0.8}
    label, cross = "a container", "dead by the next sample"
    for name, rows in containers.groupby("container_id"):
        mib = rows["mib"].astype(float)
        axes.plot(rows["seconds"], mib, label=label, **style)
        label = "_"
        if name in dead:
            axes.plot(rows["seconds"].iloc[-1], mib.iloc[-1], "x", color=_RED, ms=5, label=cross)
            cross = "_"
    whole = alive[alive["container_id"].isna()]
    axes.step(
        whole["seconds"],
        whole["mib"].astype(float),
        where="post",
        color=_BLUE,
        lw=1.8,
        label="all together",
    )
    axes.set_yscale("symlog", linthresh=10)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("time since the first sample, s")
    axes.set_ylabel("resident memory, MiB (logarithmic above 10)")
    axes.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    return _plain(axes)


def _axes(*, width: float, height: float) -> Axes:
    return Figure(figsize=(width, height), layout="constrained").subplots()


def _plain(axes: Axes) -> Axes:
    axes.spines[["top", "right"]].set_visible(False)
    return axes
