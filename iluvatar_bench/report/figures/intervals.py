"""How uncertainty is drawn: two-sided intervals with caps, one-sided bounds as triangles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from iluvatar_bench.report.figures.style import theme
from iluvatar_bench.stats import rate

INTERVALS = (
    "Whiskers: two-sided 95 % intervals (Wilson). Dotted, with an open triangle: none came; the "
    "triangle is the highest rate that so few leave plausible (one-sided, 95 %). Containers are "
    "taken for independent; compare widens the intervals where one event ended several."
)
"""What a note says of the rates above it."""


def draw_bounds(
    axes: Axes, x: NDArray[np.floating], bound: NDArray[np.floating], colour: str
) -> None:
    """One-sided upper bounds of what never came: dotted from 0, with a triangle at the end."""
    axes.vlines(x, 0, bound, colors=colour, linestyles=":", lw=1.2)
    axes.plot(x, bound, "v", color=colour, ms=5, markerfacecolor=theme().paper)


def draw_shares(
    axes: Axes,
    x: NDArray[np.floating],
    counts: Iterable[int],
    totals: Iterable[int],
    *,
    colour: str,
    **look: Any,
) -> NDArray[np.float64]:
    """Shares in percent with their intervals, or bounds where the count is 0; gives the shares.

    ``look`` is what ``Axes.errorbar`` takes.
    """
    rates = [rate(int(count), int(total)) for count, total in zip(counts, totals, strict=True)]
    shares, low, high, bound = (
        100 * np.array([getattr(value, name) for value in rates], dtype=float)
        for name in ("estimate", "low", "high", "upper_if_zero")
    )
    none = ~np.isnan(bound)
    draw_bounds(axes, x[none], bound[none], colour)
    whiskers = [np.where(none, 0, np.abs(shares - edge)) for edge in (low, high)]
    axes.errorbar(x, shares, whiskers, color=colour, **look)
    return shares
