"""Memory over a run, and the deaths in it."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from iluvatar_bench.report.figures.captions import entitle, legend_above, note
from iluvatar_bench.report.figures.scales import unit_of_seconds
from iluvatar_bench.report.figures.style import MOST_MARKS, axes_or_new, describe, in_style, theme

_MIB = 2**20

_STRETCHES = 200
"""Into so many the time is cut where containers are too many for a line each."""


@in_style
def plot_memory(
    samples: pd.DataFrame,
    *,
    deaths: pd.DataFrame | None = None,
    until_s: float | None = None,
    axes: Axes | None = None,
) -> Axes:
    """Each container's resident memory over time (MiB), their sum, and a mark at each death.

    Of more than :data:`MOST_MARKS` containers no lines are drawn, but what nine in ten of their
    samples lie within, and the median.

    Args:
        samples: one row a container and moment: ``container_id``, ``rss_bytes`` and a time (UTC) in
            ``sampled_at`` or ``timestamp``. Rows without a container are the sum over all; rows
            without ``rss_bytes`` are of a container that is gone.
        deaths: one row a death, with ``first_seen_at`` or ``exited_at``; optional.
        until_s: where the axis of time ends, seconds, so that several figures have the same one.
        axes: where to draw; a new figure by default.

    Raises:
        ValueError: the samples carry no time.
    """
    when = next((name for name in ("sampled_at", "timestamp") if name in samples), None)
    if when is None:
        raise ValueError("the samples have neither a column sampled_at nor timestamp")
    known = samples[samples["rss_bytes"].notna()]
    known = known.assign(at=pd.to_datetime(known[when], utc=True, format="ISO8601"))
    first = known["at"].min()
    seconds = (known["at"] - first).dt.total_seconds()
    per_second, unit = unit_of_seconds(until_s or (seconds.max() if len(seconds) else 0.0))
    known = known.assign(seconds=seconds * per_second, mib=known["rss_bytes"].astype(float) / _MIB)
    axes = axes_or_new(axes, 8.5, 4.0)
    containers = known[known["container_id"].notna()]
    count = containers["container_id"].nunique()
    if count > MOST_MARKS:
        _band(axes, containers, count)
    else:
        _lines(axes, containers, count)
    total = known[known["container_id"].isna()]
    if len(total):
        axes.plot(total["seconds"], total["mib"], color=theme().ink, lw=1.6, ls="--", label="sum")
    seen = _mark_deaths(axes, deaths, first, per_second) if deaths is not None else 0
    axes.set_xlabel(f"time since the first sample, {unit}")
    if until_s is not None:
        axes.set_xlim(right=until_s * per_second * 1.02)
    axes.set_ylabel("resident memory, MiB")
    axes.set_ylim(bottom=0)
    entitle(axes, f"Memory per container (n = {count}) and deaths (n = {seen})")
    legend_above(axes)
    describe(
        axes,
        f"{'Band and line' if count > MOST_MARKS else 'Lines'}: resident memory of {count} "
        "containers over time in MiB, highest "
        f"{containers['mib'].max() if count else 0:.0f}; {seen} deaths marked.",
    )
    return axes


def _lines(axes: Axes, containers: pd.DataFrame, count: int) -> None:
    many = len(containers) > MOST_MARKS
    for _, rows in containers.groupby("container_id"):
        axes.plot(
            rows["seconds"], rows["mib"], color=theme().right, lw=0.8, alpha=0.8, rasterized=many
        )
    axes.plot([], [], color=theme().right, lw=0.9, label=f"one container (n = {count})")


def _band(axes: Axes, containers: pd.DataFrame, count: int) -> None:
    """Median, 5 % and 95 % of all samples in each of so many stretches of the time."""
    longest = max(containers["seconds"].max(), 1e-9)
    stretch = (containers["seconds"] / longest * _STRETCHES).astype(int).clip(upper=_STRETCHES - 1)
    shares = containers.groupby(stretch)["mib"].quantile(np.array([0.05, 0.5, 0.95])).unstack()
    middle = (shares.index.to_numpy(dtype=float) + 0.5) * longest / _STRETCHES
    axes.fill_between(
        middle, shares[0.05], shares[0.95], color=theme().right, alpha=0.3, lw=0, label="5 to 95 %"
    )
    axes.plot(middle, shares[0.5], color=theme().right, label=f"median of containers (n = {count})")
    note(
        axes,
        f"More than {MOST_MARKS:,} containers: of each of {_STRETCHES} stretches of the time the "
        "median of their samples, and what 5 to 95 % of them lie within.",
    )


def _mark_deaths(axes: Axes, deaths: pd.DataFrame, first: pd.Timestamp, per_second: float) -> int:
    names = [name for name in ("first_seen_at", "exited_at") if name in deaths]
    if not names or deaths.empty:
        return 0
    moments = pd.to_datetime(deaths[names[0]], utc=True, format="ISO8601").dropna()
    seconds = (moments - first).dt.total_seconds()
    drawn = seconds.iloc[:: max(1, math.ceil(len(seconds) / MOST_MARKS))]
    some = f"; {len(drawn)} of them drawn" if len(drawn) < len(seconds) else ""
    axes.plot(
        drawn * per_second,
        [0.02] * len(drawn),
        "X",
        color=theme().others[1],
        mec=theme().ink,
        mew=0.6,
        transform=axes.get_xaxis_transform(),
        clip_on=False,
        label=f"death (n = {len(seconds)}{some})",
    )
    return len(seconds)
