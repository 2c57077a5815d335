"""What a client costs: lifecycles a second beside other clients, and the latency of its calls."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from iluvatar_bench.report.figures.captions import entitle, legend_above, note
from iluvatar_bench.report.figures.scales import plain_log
from iluvatar_bench.report.figures.style import (
    DASHES,
    MARKERS,
    describe,
    in_style,
    theme,
)
from iluvatar_bench.report.sheet import sheet


@in_style
def plot_overhead(batches: pd.DataFrame, calls: pd.DataFrame) -> Figure:
    """Rates of all clients by concurrency, and p50 and p99 of each call of the first client.

    Args:
        batches: one row a round, client and concurrency: ``client``, ``concurrency``, ``rate``.
        calls: one row a call: ``client``, ``concurrency``, ``call``, ``ms``; the lowest concurrency
            is drawn.
    """
    figure = Figure(figsize=sheet().size(10.0, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1))
    _rates(left, batches)
    _latencies(right, calls)
    rounds = batches["round"].nunique()
    note(
        left,
        f"Left: a mark is one round (n = {rounds}), a line the medians. Right: of each call the "
        "median and the 99th percentile; Tasks.Wait is sent before Tasks.Start and lasts as long "
        "as the process.",
    )
    return figure


def _rates(axes: Axes, batches: pd.DataFrame) -> None:
    places = {value: at for at, value in enumerate(sorted(batches["concurrency"].unique()))}
    clients = list(batches["client"].unique())
    told = []
    for position, client in enumerate(clients):
        rows = batches[batches["client"] == client]
        medians = rows.groupby("concurrency")["rate"].median()
        colour = (theme().right, *theme().others)[position % (1 + len(theme().others))]
        marker = MARKERS[position % len(MARKERS)]
        # Beside each other: clients of the same rate would hide each other.
        aside = 0.09 * (position - (len(clients) - 1) / 2)
        x = rows["concurrency"].map(places).to_numpy(dtype=float) + aside
        axes.plot(x, rows["rate"], marker, color=colour, ms=4, alpha=0.6, mew=0)
        axes.plot(
            np.array([places[value] for value in medians.index], dtype=float) + aside,
            medians,
            color=colour,
            ls=DASHES[position % len(DASHES)],
            marker=marker,
            ms=7,
            mec=theme().ink,
            label=client,
        )
        middle = ", ".join(f"{value:.1f} at {at}" for at, value in medians.items())
        told.append(f"{client} {middle}")
    axes.set_xticks(list(places.values()), [str(value) for value in places])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("containers at a time")
    axes.set_ylabel("lifecycles a second")
    entitle(axes, "Lifecycles of /bin/true")
    legend_above(axes)
    describe(axes, f"Lifecycles a second by concurrency, medians: {'; '.join(told)}.")


def _latencies(axes: Axes, calls: pd.DataFrame) -> None:
    client, lowest = calls["client"].iloc[0], calls["concurrency"].min()
    chosen = calls[(calls["client"] == client) & (calls["concurrency"] == lowest)]
    grouped = chosen.groupby("call")["ms"]
    middle = grouped.median().sort_values()
    high = grouped.quantile(0.99)[middle.index]
    y = np.arange(len(middle))
    axes.hlines(y, middle, high, color=theme().faint, zorder=1)
    axes.plot(middle, y, MARKERS[0], color=theme().right, mec=theme().ink, label="median")
    axes.plot(
        high, y, MARKERS[3], color=theme().others[1], mec=theme().ink, label="99th percentile"
    )
    axes.set_yticks(y, [f"{name} (n = {grouped.count()[name]})" for name in middle.index])
    plain_log(axes)
    axes.set_xlabel("time to the answer, ms")
    entitle(axes, f"Calls of {client}, {lowest} at a time")
    legend_above(axes)
    told = ", ".join(
        f"{name} {middle[name]:.2g} and {high[name]:.2g}" for name in middle.index[::-1]
    )
    describe(axes, f"Median and 99th percentile of each call in milliseconds: {told}.")
