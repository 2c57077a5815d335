"""What a page is made of: headings, texts, tables, figures, documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawn

from iluvatar_bench.report.figures import (
    DARK,
    LIGHT,
    alt_text,
    drawn_in,
    on_dark_paper,
    svg_address,
)


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph, or a heading."""

    text: str
    kind: Literal["text", "heading"] = "text"


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as text; the first of a row is its heading."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    kind: Literal["table"] = "table"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure as data addresses, on white and on dark paper, with its description."""

    light: str
    dark: str
    alt: str
    kind: Literal["figure"] = "figure"


@dataclass(frozen=True, slots=True)
class Document:
    """A long text that is folded away."""

    label: str
    text: str
    kind: Literal["document"] = "document"


@dataclass(frozen=True, slots=True)
class Links:
    """Label to address, relative to the page."""

    links: Mapping[str, str]
    kind: Literal["links"] = "links"


Part = Text | Table | Figure | Document | Links


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the page; one without parts is left out."""

    title: str
    parts: Sequence[Part] = field(default=())

    @property
    def anchor(self) -> str:
        """The address within the page."""
        return self.title.lower().replace(" ", "-")


def table_part(frame: pd.DataFrame) -> Table:
    """The frame as it is, its index first where that has a name; what is missing is a dash."""
    shown = frame.reset_index() if frame.index.name else frame
    rows = [
        tuple("–" if pd.isna(cell) else str(cell) for cell in row)
        for row in shown.itertuples(index=False)
    ]
    return Table(tuple(map(str, shown.columns)), tuple(rows))


def figure_part(draw: Callable[[], Axes | Drawn]) -> Figure:
    """What ``draw`` draws, once on white and once on dark paper."""
    with drawn_in(LIGHT):
        light = draw()
        address = svg_address(light)
    dark = on_dark_paper(address)
    if dark is None:
        with drawn_in(DARK):
            dark = svg_address(draw())
    return Figure(address, dark, alt_text(light))
