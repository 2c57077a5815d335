"""Axes that read well: whole numbers, plain logarithmic ticks, times of day, a fitting unit."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

_SHORT_S = 2.0
"""What is shorter is read in milliseconds: 0.1 s says less than 100 ms."""


def whole_numbers(axis: Axis) -> None:
    """Ticks of what is counted: there is no half a container."""
    axis.set_major_locator(MaxNLocator(integer=True))


def plain_log(axes: Axes) -> None:
    """The horizontal axis is logarithmic, its ticks are numbers as people write them."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(numticks=8))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.12g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def start_at_zero(axes: Axes, right: float, top: float) -> None:
    """Both axes begin at 0 and reach beyond these values, and as far as they did before.

    Axes that are shared were perhaps drawn on already; a limit that is set ends their widening.
    """
    before_right, before_top = axes.get_xlim()[1], axes.get_ylim()[1]
    axes.set_xlim(0, max(before_right, 1.02 * right))
    axes.set_ylim(0, max(before_top, 1.05 * top))


def unit_of_seconds(longest: float) -> tuple[float, str]:
    """What to multiply seconds by, and the unit that they have then."""
    return (1000.0, "ms") if longest < _SHORT_S else (1.0, "s")


def time_of_day(axes: Axes) -> None:
    """The horizontal axis is of times, UTC; the date stands once."""
    axes.xaxis_date("UTC")
    locator = AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
    formatter = ConciseDateFormatter(  # type: ignore[no-untyped-call]
        locator,
        # Of a tick: years, months, days, hours, minutes, seconds.
        formats=["%Y", "%Y-%m", "%Y-%m-%d", "%H:%M", "%H:%M", "%H:%M:%S"],
        zero_formats=["", "%Y-%m", "%Y-%m-%d", "%H:%M", "%H:%M", "%H:%M:%S"],
        offset_formats=["", "", "", *["%Y-%m-%d"] * 3],
    )
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(formatter)
    axes.set_xlabel("time, UTC")
