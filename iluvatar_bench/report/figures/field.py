"""An observed node over time: rates by client, who ended whom, what lies about."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from numpy.typing import NDArray

from iluvatar_bench.report.figures.captions import entitle, legend_above, note
from iluvatar_bench.report.figures.intervals import INTERVALS, draw_shares
from iluvatar_bench.report.figures.scales import time_of_day, whole_numbers
from iluvatar_bench.report.figures.style import (
    DASHES,
    MARKERS,
    axes_or_new,
    describe,
    in_style,
    theme,
)
from iluvatar_bench.report.sheet import sheet

_MOST_KILLS = 40
"""Lines that can be told apart; the last ones are shown."""


@in_style
def plot_client_rates(rates: pd.DataFrame, *, axes: Axes | None = None) -> Axes:
    """Failed containers in percent over time, a line a client, with 95 % intervals.

    Args:
        rates: rows of ``report.client_rates``.
        axes: where to draw; a new figure by default.
    """
    axes = axes_or_new(axes, 8.5, 4.0)
    told = []
    clients = list(dict.fromkeys(rates["client"]))
    stretches = np.unique(_days(rates["begins"]))
    apart = 0.06 * float(np.diff(stretches).min()) if len(stretches) > 1 else 0.0
    for position, client in enumerate(clients):
        rows = rates[rates["client"] == client].sort_values("begins")
        colour = (theme().right, *theme().others)[position % 7]
        # Beside each other: clients that never fail would lie on each other.
        at = _days(rows["begins"]) + apart * (position - (len(clients) - 1) / 2)
        draw_shares(
            axes,
            at,
            rows["failed"],
            rows["trials"],
            colour=colour,
            ls=DASHES[position % len(DASHES)],
            marker=MARKERS[position % len(MARKERS)],
            ms=4,
            lw=1.2,
            capsize=2,
            label=f"{client} ({rows['failed'].sum()} of {rows['trials'].sum()})",
        )
        told.append(f"{client}: {rows['failed'].sum()} of {rows['trials'].sum()} failed")
    time_of_day(axes)
    axes.set_ylabel("failed, %")
    axes.set_ylim(-3, 103)
    entitle(
        axes,
        f"Failed containers of each client, by when they began (n = {rates['trials'].sum()})",
    )
    legend_above(axes)
    note(axes, INTERVALS)
    describe(axes, f"Lines: share of failed containers over time. {'; '.join(told)}.")
    return axes


@in_style
def plot_kills(kills: pd.DataFrame, *, axes: Axes | None = None) -> Axes:
    """Who ended whom, as a graph: senders on the left, the containers that they ended on the right.

    Both sides are in the order of time from the top. A sender whose one removal ended several has
    several lines.

    Args:
        kills: rows of ``report.kills``; of more than 40 the last are drawn.
        axes: where to draw; a new figure by default.
    """
    shown = kills.tail(_MOST_KILLS)
    senders = {name: row for row, name in enumerate(dict.fromkeys(shown["sender"]))}
    axes = axes_or_new(axes, 8.5, max(2.5, 0.16 * len(shown) + 1.2))
    behind, right = (1.06, 1.85) if sheet().narrow else (1.02, 1.45)
    step = len(shown) / max(len(senders), 1)
    for row, kill in enumerate(shown.to_dict("records")):
        neighbour = kill["mechanism"] == "collateral_kill"
        left = (senders[kill["sender"]] + 0.5) * step - 0.5
        axes.plot(
            (0, 1),
            (left, row),
            color=theme().others[1] if neighbour else theme().right,
            ls="-" if neighbour else "--",
            marker="o",
            ms=3,
            lw=1,
        )
        axes.text(behind, row, _short(kill["container"]), va="center", fontsize=6)
    places = [(position + 0.5) * step - 0.5 for position in senders.values()]
    axes.set_yticks(places, [_short(name) for name in senders], fontsize=6)
    axes.set_xticks((0, 1), ("the runtime acted for", "and ended"))
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlim(-0.05, right)
    axes.set_ylim(max(len(shown), 1) - 0.5, -0.5)
    axes.plot([], [], color=theme().others[1], label="another container's runtime")
    axes.plot([], [], color=theme().right, ls="--", label="somebody else")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0), ncols=1 if sheet().narrow else 2)
    of = f", the last {len(shown)} of {len(kills)}" if len(shown) < len(kills) else ""
    entitle(axes, f"Who ended whom (n = {len(shown)}{of})")
    describe(
        axes,
        f"A graph: {len(senders)} senders on the left, {len(shown)} containers that they ended on "
        f"the right; {shown['mechanism'].eq('collateral_kill').sum()} by another's runtime.",
    )
    return axes


@in_style
def plot_left_behind(health: pd.DataFrame, *, axes: Axes | None = None) -> Axes:
    """What lay about on the node over time: containers, snapshots, leases.

    Args:
        health: the table ``health`` of an observation.
        axes: where to draw; a new figure by default.
    """
    axes = axes_or_new(axes, 8.5, 3.6)
    series = {
        "latent": "running without their snapshot",
        "ended": "ended, record kept",
        "never_started": "record without a task",
        "snapshots_left": "snapshots without a container",
        "leases": "leases",
    }
    never = []
    for position, (name, label) in enumerate(series.items()):
        most = health[name].max() if len(health) else 0
        if not most:
            never.append(label)
            continue
        axes.step(
            health["at"],
            health[name].astype("float64"),
            where="post",
            ls=DASHES[position % len(DASHES)],
            lw=1.5,
            label=f"{label} (at most {most})",
        )
    time_of_day(axes)
    axes.set_ylabel("left behind (count)")
    axes.set_ylim(bottom=0)
    whole_numbers(axes.yaxis)
    entitle(axes, f"Left behind, after a minute (n = {len(health)} looks)")
    legend_above(axes)
    if never:
        note(axes, f"Not once: {', '.join(never)}.")
    describe(axes, "Stepped lines: containers, snapshots and leases that nobody came for.")
    return axes


def _days(times: pd.Series[pd.Timestamp]) -> NDArray[np.float64]:
    """As matplotlib counts them, so that something can be added."""
    return np.asarray(date2num(times), dtype=np.float64)  # type: ignore[no-untyped-call]


def _short(name: str) -> str:
    """A name's beginning and its end: long ones have a random middle."""
    own = str(name).rpartition("/")[2]
    return own if len(own) <= 26 else f"{own[:16]}…{own[-8:]}"
