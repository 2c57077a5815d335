"""What a figure is drawn for: a screen, or a column of a paper; and what file it can be.

A paper has its own captions, so there is no title in a figure for one; the width is that of the
column, and the type is as small as the paper's and looks like Times. ``captions.caption_of`` gives
what the title and the note would have said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iluvatar_bench.errors import UsageError, meant

COLUMNS_IN = {1: 85 / 25.4, 2: 170 / 25.4}
"""How wide a figure is that fills one or both columns of most two-column papers, inches."""

_INCHES = {"in": 1.0, "mm": 1 / 25.4, "cm": 1 / 2.54, "pt": 1 / 72.27}
"""Units of a width; ``pt`` is TeX's, of which an inch has 72.27 (The TeXbook, chapter 10)."""

_WIDTH = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*(in|mm|cm|pt)")
_NARROWEST_IN, _WIDEST_IN = 1.5, 40.0
_NARROW_IN = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """``width_in``: of the figure, inches; None: what suits its kind on a screen."""

    width_in: float | None = None
    paper: bool = False

    @property
    def narrow(self) -> bool:
        """Whether long names and the data have no room beside each other."""
        return self.width_in is not None and self.width_in < _NARROW_IN

    def size(self, width: float, height: float) -> tuple[float, float]:
        """The size of a figure that would be so large on a screen, inches.

        A narrower one is lower too, though by less: its rows and letters are no smaller.
        """
        if self.width_in is None:
            return width, height
        return self.width_in, height * min(1.0, self.width_in / width) ** 0.5

    @property
    def settings(self) -> dict[Any, Any]:
        """Of matplotlib: type and lines."""
        if not self.paper:
            return {
                "axes.titlesize": 10,
                "axes.labelsize": 9,
                "xtick.labelsize": 9,
                "ytick.labelsize": 9,
                "legend.fontsize": 9,
            }
        return {
            "font.family": "STIXGeneral",
            "mathtext.fontset": "stix",
            "font.size": 8,
            "axes.labelsize": 8,
            "xtick.labelsize": 7.5,
            "ytick.labelsize": 7.5,
            "legend.fontsize": 7.5,
            "axes.linewidth": 0.6,
            "xtick.major.width": 0.6,
            "ytick.major.width": 0.6,
            # Letters that can be searched and copied; publishers refuse type 3.
            "pdf.fonttype": 42,
        }


SCREEN = Sheet()
_sheet: ContextVar[Sheet] = ContextVar("sheet", default=SCREEN)


def sheet() -> Sheet:
    """What figures are drawn for now."""
    return _sheet.get()


@contextmanager
def drawn_for(chosen: Sheet) -> Iterator[None]:
    """Everything drawn inside is for this sheet."""
    token = _sheet.set(chosen)
    try:
        yield
    finally:
        _sheet.reset(token)


def width_in(text: str) -> float:
    """A width as people write it, in inches: ``85mm``, ``3.35in``, ``8.5 cm``, ``241pt``.

    Raises:
        UsageError: it has no unit or is none that a figure could have.
    """
    found = _WIDTH.fullmatch(text.strip())
    if found is None:
        raise UsageError(
            f"--width {text!r} is no width: a number and its unit, in, mm, cm or pt (85mm)"
        )
    inches = float(found[1]) * _INCHES[found[2]]
    if not _NARROWEST_IN <= inches <= _WIDEST_IN:
        raise UsageError(
            f"--width {text}: a figure is {_NARROWEST_IN:g}in to {_WIDEST_IN:g}in wide, "
            f"not {inches:.3g}in"
        )
    return inches


FORMATS: dict[str, dict[str, None]] = {
    ".pdf": {"CreationDate": None, "ModDate": None},
    ".svg": {"Date": None},
    ".png": {},
}
"""How a figure's file may end, and what of its metadata is left away: the same figure is the same
file."""


def checked_format(path: Path) -> str:
    """The ending of a figure's file.

    Raises:
        UsageError: it is none of :data:`FORMATS`.
    """
    ending = path.suffix.lower()
    if ending not in FORMATS:
        raise UsageError(
            f"{path} says no format by its ending{meant(ending, FORMATS)}: .pdf, .svg or .png"
        )
    return ending
