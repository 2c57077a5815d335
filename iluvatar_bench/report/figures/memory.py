"""Memory over a run, and the deaths in it."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from iluvatar_bench.report.figures.style import axes_or_new, describe, in_style, theme

_MIB = 2**20


@in_style
def plot_memory(
    samples: pd.DataFrame,
    *,
    deaths: pd.DataFrame | None = None,
    axes: Axes | None = None,
) -> Axes:
    """Each container's resident memory over time (MiB), their sum, and a mark at each death.

    Args:
        samples: one row a container and moment: ``container_id``, ``rss_bytes`` and a time (UTC) in
            ``sampled_at`` or ``timestamp``. Rows without a container are the sum over all; rows
            without ``rss_bytes`` are of a container that is gone.
        deaths: one row a death, with ``first_seen_at`` or ``exited_at``; optional.
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
    known = known.assign(seconds=seconds, mib=known["rss_bytes"].astype(float) / _MIB)
    axes = axes_or_new(axes, 8.5, 4.0)
    containers = known[known["container_id"].notna()]
    for _, rows in containers.groupby("container_id"):
        axes.plot(rows["seconds"], rows["mib"], color=theme().right, lw=0.8, alpha=0.8)
    count = containers["container_id"].nunique()
    total = known[known["container_id"].isna()]
    if len(total):
        axes.plot(total["seconds"], total["mib"], color=theme().ink, lw=1.6, ls="--", label="sum")
    axes.plot([], [], color=theme().right, lw=0.9, label=f"one container (n = {count})")
    seen = _mark_deaths(axes, deaths, first) if deaths is not None else 0
    axes.set_xlabel("time since the first sample, s")
    axes.set_ylabel("resident memory, MiB")
    axes.set_ylim(bottom=0)
    axes.set_title(f"Memory per container (n = {count}) and deaths (n = {seen})")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    describe(
        axes,
        f"Lines: resident memory of {count} containers over time in MiB, highest "
        f"{containers['mib'].max() if count else 0:.0f}; {seen} deaths marked.",
    )
    return axes


def _mark_deaths(axes: Axes, deaths: pd.DataFrame, first: pd.Timestamp) -> int:
    names = [name for name in ("first_seen_at", "exited_at") if name in deaths]
    if not names or deaths.empty:
        return 0
    moments = pd.to_datetime(deaths[names[0]], utc=True, format="ISO8601").dropna()
    seconds = (moments - first).dt.total_seconds()
    axes.plot(
        seconds,
        [0.02] * len(seconds),
        "X",
        color=theme().others[1],
        mec=theme().ink,
        mew=0.6,
        transform=axes.get_xaxis_transform(),
        clip_on=False,
        label=f"death (n = {len(seconds)})",
    )
    return len(seconds)
