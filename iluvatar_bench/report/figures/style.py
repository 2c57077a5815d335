"""One look for every figure: on white and on dark paper, for colour-blind readers, and in grey.

The hues are those of Okabe and Ito (Color Universal Design, 2008), which people with any common
kind of colour blindness tell apart; the first two differ in lightness as well, and bars and lines
differ in hatching and dashes besides, so a grey copy can be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from iluvatar_bench.bugs import BugClass
from iluvatar_bench.report.sheet import sheet

Drawn = Axes | Figure
"""What a drawing function gives: one axes, or a figure of several."""

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """Paper, ink and colours."""

    paper: str
    ink: str
    faint: str
    right: str
    """The colour of the profile that does it right, the same in every figure."""
    others: tuple[str, ...]


LIGHT = Theme(
    paper="#ffffff",
    ink="#222222",
    faint="#cccccc",
    right="#0072b2",
    others=("#e69f00", "#d55e00", "#009e73", "#56b4e9", "#cc79a7", "#8a7a00"),
)
DARK = Theme(
    paper="#16191d",
    ink="#e6e6e6",
    faint="#4a5058",
    right="#3d8fd1",
    others=("#f5c04a", "#f0803c", "#3fc9a0", "#9bd4f5", "#e0a0c5", "#f0e442"),
)

HATCHES = ("", "///", "...", "xxx", "\\\\\\", "++")
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

_theme: ContextVar[Theme] = ContextVar("theme", default=LIGHT)


def theme() -> Theme:
    """The theme that figures are drawn in now."""
    return _theme.get()


@contextmanager
def drawn_in(chosen: Theme) -> Iterator[None]:
    """Everything drawn inside has this theme."""
    token = _theme.set(chosen)
    try:
        yield
    finally:
        _theme.reset(token)


def colour_of(label: str, position: int) -> str:
    """The colour of the profile ``label``, which is the ``position``-th of a figure."""
    chosen = theme()
    if label == "guarded":
        return chosen.right
    return chosen.others[position % len(chosen.others)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is the same for one thing in every figure."""

    colour: str
    hatch: str
    marker: str


def class_look(name: str) -> Look:
    """The colour, hatch and marker of a bug class, whichever others are in the figure."""
    known = list(BugClass)
    position = known.index(BugClass(name)) if name in known else len(known)
    colours = (*theme().others, theme().right)
    return Look(
        colour=colours[position % len(colours)],
        # Seven colours and six hatches: the classes with the same of both are 42 apart.
        hatch=HATCHES[position % len(HATCHES)],
        marker=MARKERS[position % len(MARKERS)],
    )


def _settings() -> dict[Any, Any]:
    """Theme and sheet as matplotlib's settings (rcParams)."""
    chosen = theme()
    return {
        **sheet().settings,
        "figure.facecolor": chosen.paper,
        "savefig.facecolor": chosen.paper,
        "axes.facecolor": chosen.paper,
        "axes.edgecolor": chosen.ink,
        "axes.labelcolor": chosen.ink,
        "axes.titlecolor": chosen.ink,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.prop_cycle": cycler(color=(chosen.right, *chosen.others)),
        "grid.color": chosen.faint,
        "text.color": chosen.ink,
        "xtick.color": chosen.ink,
        "ytick.color": chosen.ink,
        "legend.frameon": False,
        "hatch.linewidth": 0.7,
        "boxplot.whiskerprops.color": chosen.ink,
        "boxplot.capprops.color": chosen.ink,
        # The same figure gives the same bytes.
        "svg.hashsalt": "iluvatar-bench",
    }


def in_theme() -> AbstractContextManager[None]:
    """Matplotlib's settings are those of the theme, inside."""
    return mpl.rc_context(_settings())


def in_style(draw: Callable[P, R]) -> Callable[P, R]:
    """The function draws in the theme of the moment it is called."""

    @wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> R:
        with in_theme():
            return draw(*args, **kwargs)

    return styled


MOST_MARKS = 2000
"""Beyond so many marks of a kind they are drawn as an image within the figure, or its file grows
without an end; letters and axes stay lines."""


def marks_of(count: int) -> NDArray[np.int64]:
    """Which of ``count`` values to draw as a line: all, or :data:`MOST_MARKS` of them, evenly, with
    both ends."""
    return np.linspace(0, count - 1, min(count, MOST_MARKS)).round().astype(np.int64)


def axes_or_new(axes: Axes | None, width: float, height: float) -> Axes:
    """The axes given, or those of a new figure, so large on a screen (inches)."""
    if axes is not None:
        return axes
    return Figure(figsize=sheet().size(width, height), layout="constrained").subplots()


def describe(axes: Axes, text: str) -> None:
    """Attach the description for those who cannot see the figure; ``alt_text`` gives it back."""
    axes.set_label(text)


def alt_text(figure: Axes | Figure) -> str:
    """The descriptions that the figure's axes carry."""
    several = [figure] if isinstance(figure, Axes) else figure.axes
    return " ".join(str(axes.get_label()) for axes in several if axes.get_label())


def figure_of(figure: Axes | Figure) -> Figure:
    """The figure itself, for functions that take either."""
    return cast(Figure, figure.figure) if isinstance(figure, Axes) else figure
