"""The calls of one container downwards, and beside them what held its snapshot, as bars."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from iluvatar_bench.records import Call
from iluvatar_bench.records.call_facts import CallFact, ClientContainer
from iluvatar_bench.report.call_rows import CallRow, rows_of, shortened
from iluvatar_bench.report.figures.style import HATCHES, axes_or_new, describe, in_style, theme

_MOST_BARS = 6
"""Holders with a bar of their own; what they are beyond shares the last."""

_BARS_AT = 5.6
_BAR = 0.34
_APART = 0.62
_WIDE = 12.0


@in_style
def plot_sequence(
    calls: Iterable[Call],
    container: ClientContainer,
    facts: Sequence[CallFact] = (),
    *,
    axes: Axes | None = None,
) -> Axes:
    """A row a call, in the order of their starts; bars of what held the snapshots; windows red.

    Rows are equally high, whatever time passes between them: the time stands at each. A bar
    begins and ends at the calls that made and ended the hold, or between two rows where the time
    lies between them. Beyond 60 calls those that no hold and no fact names are folded together.

    Args:
        calls: the recording.
        container: one of its containers.
        facts: those of the container; the windows among them are drawn.
        axes: where to draw; a new figure by default.
    """
    rows = rows_of(calls, container, facts)
    windows = [fact for fact in facts if fact.started_ns is not None]
    holders = list(dict.fromkeys(held.holder for held in container.held))
    axes = axes_or_new(axes, 9.6, 0.2 * max(len(rows), 6) + 1.7)
    place = _places(rows)
    _calls(axes, rows)
    for column, holder in enumerate(holders):
        _holder(axes, min(column, _MOST_BARS - 1), holder, container, place)
    columns = min(len(holders), _MOST_BARS)
    if len(holders) > _MOST_BARS:
        _head(axes, _MOST_BARS - 1, f"{len(holders) - _MOST_BARS + 1} others")
    if windows:
        _head(axes, columns, "held by nothing", strong=True)
        _windows(axes, columns, windows, place)
    axes.set_xlim(0, _WIDE)
    axes.set_ylim(len(rows) - 0.3, -0.7)
    axes.set_axis_off()
    axes.set_title(
        f"{container.namespace}/{container.container}: {len(container.calls)} calls",
        loc="left",
        pad=52,
    )
    longest = max((fact.length_ms or 0.0 for fact in windows), default=0.0)
    describe(
        axes,
        f"Sequence diagram: {len(container.calls)} calls of container {container.container}; held "
        f"by {', '.join(holders) or 'nothing'}; "
        f"{len(windows)} windows in which nothing held it, the longest {longest:.3g} ms.",
    )
    return axes


def _places(rows: Sequence[CallRow]) -> Callable[[int], float]:
    """From a time to a height: rows stand at their calls' starts, times between lie between."""
    times: list[int] = []
    heights: list[float] = []
    for height, row in enumerate(rows):
        times.append(row.calls[0].started_ns)
        heights.append(float(height))
        if row.folded and row.calls[-1].started_ns > times[-1]:
            times.append(row.calls[-1].started_ns)
            heights.append(height + 0.6)

    def place(time_ns: int) -> float:
        at = bisect_right(times, time_ns)
        if at == 0:
            return -0.5
        if at == len(times):
            return len(rows) - 0.5 if time_ns > times[-1] else heights[-1]
        share = (time_ns - times[at - 1]) / max(times[at] - times[at - 1], 1)
        return heights[at - 1] + share * (heights[at] - heights[at - 1])

    return place


def _calls(axes: Axes, rows: Sequence[CallRow]) -> None:
    if not rows:
        return
    origin = rows[0].calls[0].started_ns
    for height, row in enumerate(rows):
        first = row.calls[0]
        axes.axhline(height, lw=0.4, color=theme().faint, zorder=0)
        place: dict[str, Any] = {"va": "center", "fontsize": 7.5}
        background = {"facecolor": theme().paper, "edgecolor": "none", "pad": 0.6}
        axes.text(0.75, height, row.number, ha="right", bbox=background, **place)
        passed = f"{(first.started_ns - origin) / 1e6:,.1f}"
        axes.text(1.75, height, passed, ha="right", bbox=background, **place)
        problem = f"  {row.problem}" if row.problem else ""
        axes.text(
            1.95,
            height,
            row.text + problem,
            ha="left",
            bbox=background,
            color=theme().others[1] if problem else theme().ink,
            style="italic" if row.folded else "normal",
            **place,
        )
    for x, head in ((0.75, "call"), (1.75, "ms")):
        axes.text(x, -0.8, head, ha="right", va="bottom", fontsize=8)


def _x(column: int) -> float:
    return _BARS_AT + column * _APART


def _head(axes: Axes, column: int, text: str, *, strong: bool = False) -> None:
    axes.text(
        _x(column) + _BAR / 2,
        -0.8,
        text,
        rotation=35,
        ha="left",
        va="bottom",
        rotation_mode="anchor",
        fontsize=8,
        weight="bold" if strong else "normal",
        color=theme().others[1] if strong else theme().ink,
    )


def _holder(
    axes: Axes,
    column: int,
    holder: str,
    container: ClientContainer,
    place: Callable[[int], float],
) -> None:
    kinds = ("lease", "record", "image", "label")
    kind = kinds.index(holder.partition(" ")[0]) if holder.partition(" ")[0] in kinds else 3
    colours = (theme().others[3], theme().right, theme().others[2], theme().others[4])
    held = [each for each in container.held if each.holder == holder]
    if column < _MOST_BARS - 1 or holder == container.held[-1].holder:
        _head(axes, column, shortened(holder, 22))
    for each in held:
        top, bottom = place(each.started_ns), place(each.ended_ns)
        axes.add_patch(
            Rectangle(
                (_x(column), top),
                _BAR,
                max(bottom - top, 0.12),
                facecolor=colours[kind],
                edgecolor=theme().ink,
                lw=0.6,
                hatch=HATCHES[kind],
            )
        )


def _windows(
    axes: Axes, column: int, windows: Sequence[CallFact], place: Callable[[int], float]
) -> None:
    red = theme().others[1]
    below = -1.0
    for fact in sorted(windows, key=lambda each: each.started_ns or 0):
        top, bottom = place(fact.started_ns or 0), place(fact.ended_ns or 0)
        bottom = max(bottom, top + 0.12)
        axes.add_patch(
            Rectangle((_x(column), top), _BAR, bottom - top, facecolor=red, hatch="xxx", lw=0.6)
        )
        axes.axhspan(top, bottom, xmin=1.9 / _WIDE, xmax=_x(column) / _WIDE, color=red, alpha=0.13)
        # Labels of windows that lie close stand one below the other.
        at = max((top + bottom) / 2, below + 0.9)
        below = at
        axes.text(
            _x(column) + _BAR + 0.12,
            at,
            f"{fact.length_ms:,.3g} ms: {str(fact.rule).replace('_', ' ')}",
            va="center",
            fontsize=7.5,
            color=red,
            weight="bold",
        )
