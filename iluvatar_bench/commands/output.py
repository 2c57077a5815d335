"""How commands print: tables for people on a terminal, plain aligned text in a pipe.

Colours and boldness are rich's business: none without a terminal, nor where ``NO_COLOR`` is set.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from iluvatar_bench.commands.called_as import program

if TYPE_CHECKING:
    import pandas as pd

_NARROWEST = 16
"""Of a column whose texts are wrapped, letters."""

_BETWEEN = 2
"""Spaces between two columns."""

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def example(*commands: str) -> str:
    """The end of a command's help: how it is called. ``\\b`` keeps the lines as they are."""
    lines = "\n".join(f"  {program()} {command}" for command in commands)
    return f"\b\nExample:\n{lines}"


def print_plain(text: str) -> None:
    """One line, never wrapped: paths and JSON must survive a pipe."""
    out.print(text, soft_wrap=True, markup=False)


def print_json(document: Any) -> None:
    """A document for scripts: JSON, indented, nothing else on standard output."""
    print_plain(json.dumps(document, indent=2))


def print_rows(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table; in a pipe every row is one line, however long, with two spaces between columns.

    ``header`` may be empty.
    """
    texts = [[str(cell) for cell in row] for row in rows]
    if out.is_terminal:
        if header or texts:
            _print_fitting(list(header) or [""] * len(texts[0]), texts)
        return
    lines = [[cell.replace("\n", " ") for cell in row] for row in (list(header), *texts) if row]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print_plain((" " * _BETWEEN).join(cells).rstrip())


def _print_fitting(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """On a terminal: as wide as that at most, and nothing cut."""
    widths = _widths(names, rows)
    if widths is None:
        _print_blocks(names, rows)
        return
    table = Table(box=None, pad_edge=False, show_header=any(names))
    # Text, because a name or a cell may hold what looks like markup.
    for name, width in zip(names, widths, strict=True):
        table.add_column(Text(name), width=width, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    out.print(table)


def _widths(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int | None] | None:
    """Of each column but the widest, which takes what is left; None: they do not fit.

    The widest is one of names and reasons, which can be wrapped; a number with its interval cannot.
    """
    # A column without a letter is one wide all the same.
    widths = [max(1, *map(cell_len, column)) for column in zip(names, *rows, strict=True)]
    widest = widths.index(max(widths))
    others = sum(widths) - widths[widest] + _BETWEEN * (len(widths) - 1)
    if others + min(_NARROWEST, widths[widest]) > out.width:
        return None
    return [None if at == widest else width for at, width in enumerate(widths)]


def _print_blocks(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table that is wider than the terminal: a block a row, a line a cell, nothing cut."""
    for row in rows:
        block = Table(box=None, pad_edge=False, show_header=False)
        for name, cell in zip(names, row, strict=True):
            block.add_row(Text(name, style="bold", overflow="fold"), Text(cell, overflow="fold"))
        out.print(block)
        out.print()


def print_table(frame: pd.DataFrame) -> None:
    """A frame whose index is the first column."""
    header = [str(frame.index.name), *map(str, frame.columns)]
    print_rows(header, [[name, *row] for name, row in frame.iterrows()])
