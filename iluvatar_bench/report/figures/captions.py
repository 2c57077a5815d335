"""What stands around the data: title, note and legend, none of them on the data.

On a screen the title is above, the legend between it and the axes, and the note, which says how to
read marks and intervals, below. In a paper only the legend is there, and :func:`caption_of` gives
the other two as the text of a caption.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from iluvatar_bench.report.figures.style import figure_of
from iluvatar_bench.report.sheet import sheet

_titles: WeakKeyDictionary[Axes, str] = WeakKeyDictionary()
_notes: WeakKeyDictionary[Figure, str] = WeakKeyDictionary()

_NOTE_SIZE = 7.5
_LETTERS_AN_INCH = 17
"""Of a note, at its size."""

_LABEL_LETTERS_AN_INCH = 16
"""Of an axis' label, at its size."""

_BEHIND_NAMES = 0.6
"""Of the figure's width: what a label may take below axes that begin behind names."""

_PAD = 6
"""Between axes, legend and title, points; matplotlib's own for a title."""


def entitle(axes: Axes, title: str) -> None:
    """The title, and in a paper the caption's beginning; of several axes each has its own there."""
    _titles[axes] = title
    place = axes.get_subplotspec()
    alone = place is None or place.get_gridspec().nrows * place.get_gridspec().ncols == 1
    if not (sheet().paper and alone):
        axes.set_title(title)


def note(axes: Axes, text: str) -> None:
    """How the figure is to be read, below it; one for all axes of a figure."""
    figure = figure_of(axes)
    _notes[figure] = text
    if not sheet().paper:
        wrapped = textwrap.fill(text, int(_LETTERS_AN_INCH * figure.get_figwidth()))
        figure.supxlabel(wrapped, x=0.01, ha="left", size=_NOTE_SIZE)


def label_below(axes: Axes, text: str) -> None:
    """The label of a horizontal axis that begins behind long names: in lines that fit below it."""
    inches = _BEHIND_NAMES * figure_of(axes).get_figwidth()
    axes.set_xlabel(textwrap.fill(text, int(_LABEL_LETTERS_AN_INCH * inches)))


def legend_above(
    axes: Axes,
    handles: Sequence[Artist] | None = None,
    labels: Sequence[str] | None = None,
    **settings: Any,
) -> None:
    """A legend between title and axes, in as many columns as there is room for; none of nothing."""
    if handles is None:
        handles, labels = axes.get_legend_handles_labels()
    labels = [str(handle.get_label()) for handle in handles] if labels is None else labels
    if not handles:
        return
    place = axes.get_subplotspec()
    beside = 1 if place is None else place.get_gridspec().ncols
    room = 0.85 * figure_of(axes).get_figwidth() / beside
    height = 0.0
    for columns in range(min(len(handles), 6), 0, -1):
        legend = axes.legend(
            handles,
            labels,
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=columns,
            borderaxespad=0.3,
            borderpad=0.1,
            columnspacing=1.4,
            **settings,
        )
        extent = legend.get_window_extent()
        height = 72 * extent.height / figure_of(axes).dpi
        if extent.width / figure_of(axes).dpi <= room:
            break
    # Set anew, because the room above the axes belongs to the title's own settings.
    axes.set_title(axes.get_title(), pad=height + 2 * _PAD)


def caption_of(figure: Axes | Figure) -> str:
    """The titles of the figure's axes and its note, as the caption of a paper."""
    drawn = figure_of(figure)
    titles = dict.fromkeys(_titles[axes] for axes in drawn.axes if axes in _titles)
    parts = ["; ".join(titles), _notes.get(drawn, "")]
    return " ".join(f"{part.rstrip('.')}." for part in parts if part)
