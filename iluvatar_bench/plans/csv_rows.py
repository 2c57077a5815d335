"""Rows of a CSV that somebody else has written: what is wrong is said with its line. Pure."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from iluvatar_bench.errors import UsageError


def csv_rows(
    lines: Iterable[str], columns: Sequence[str], name: str
) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and values of each line after the header; blank lines are passed over.

    Raises:
        UsageError: a column is missing, or a line has more or fewer values than the header.
    """
    reader = csv.reader(lines)
    try:
        header = [column.strip().removeprefix("\ufeff") for column in next(reader, [])]
        missing = [column for column in columns if column not in header]
        if missing:
            raise UsageError(
                f"{name}, line 1: no column {missing[0]!r}; the header has {len(header)} columns "
                f"and ends with {header[-1]!r}"
                if header
                else f"{name} is empty"
            )
        for values in reader:
            if not values:
                continue
            if len(values) != len(header):
                raise UsageError(
                    f"{name}, line {reader.line_num}: {len(values)} values for "
                    f"{len(header)} columns"
                )
            row = dict(zip(header, map(str.strip, values), strict=True))
            if not row[columns[0]]:
                raise UsageError(f"{name}, line {reader.line_num}: no {columns[0]}")
            yield reader.line_num, row
    except csv.Error as error:
        raise UsageError(f"{name}, line {reader.line_num}: {error}") from error


def with_header(lines: Iterable[str]) -> tuple[str, Iterable[str]]:
    """The first line, by which the form of a file is told, and all of them."""
    waiting = iter(lines)
    header = next(waiting, "")
    return header, chain((header,), waiting)


def whole_number(text: str, column: str, largest: int, name: str, line: int) -> int:
    """The number in a cell, from 0 to ``largest``.

    Raises:
        UsageError: there is none; the message says where.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 19) or int(text) > largest:
        raise UsageError(
            f"{name}, line {line}: {column} must be a whole number from 0 to {largest}, "
            f"not {text[:40]!r}"
        )
    return int(text)


LARGEST_NUMBER = 1e9
"""Of a time in seconds or milliseconds, memory, or a count: beyond it a cell is damaged."""


def any_number(text: str, column: str, name: str, line: int, *, least: float = 0.0) -> float:
    """The number in a cell, from ``least`` to :data:`LARGEST_NUMBER`.

    Raises:
        UsageError: there is none; the message says where.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= LARGEST_NUMBER:
        raise UsageError(
            f"{name}, line {line}: {column} must be a number from {least:g} to "
            f"{LARGEST_NUMBER:g}, not {text[:40]!r}"
        )
    return value
