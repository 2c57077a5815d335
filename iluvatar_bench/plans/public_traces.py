"""Public traces in the forms in which they are published. Lines of text, so that this is pure.

* Azure Functions 2021: ``app,func,end_timestamp,duration``, a line an invocation over two weeks, in
  seconds (AzureFunctionsInvocationTrace2021.md in Azure/AzurePublicDataset);
* Huawei 2023, public and private: ``day,time,0,1,...``, a line a minute or a second of a day, a
  column a function, in each cell its requests (README_data_release_2023.md of sir-lab). Times are
  seconds since the first day.

As of Azure's 2019 (:func:`~iluvatar_bench.plans.trace.parse_azure`) the functions that are invoked
most in the window are taken, and called ``f000`` and on.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterable

from iluvatar_bench.errors import UsageError
from iluvatar_bench.plans.csv_rows import csv_rows
from iluvatar_bench.plans.trace import (
    AZURE_2021_COLUMNS,
    HUAWEI_COLUMNS,
    MINUTES_OF_A_DAY,
    TracedInvocation,
    drawn_within,
    require_some,
    require_window,
)

_TWO_WEEKS = 14 * MINUTES_OF_A_DAY
_LARGEST = 1e9
"""Of a time in seconds, or a count: beyond it a cell is damaged."""


def parse_azure_2021(
    lines: Iterable[str],
    *,
    name: str,
    first_minute: int = 1,
    minutes: int = 10,
    functions: int = 10,
) -> tuple[TracedInvocation, ...]:
    """The invocations that began in some minutes of the two weeks.

    An invocation began at its end less its duration. A function is told by its application as well.

    Raises:
        UsageError: a line that cannot be read, a window outside the two weeks, or none in it.
    """
    last_minute = require_window(first_minute, minutes, functions, 0, longest=_TWO_WEEKS)
    begin, end = (first_minute - 1) * 60.0, last_minute * 60.0
    found: list[tuple[tuple[str, str], float]] = []
    counts: Counter[tuple[str, str]] = Counter()
    for number, row in csv_rows(lines, AZURE_2021_COLUMNS, name):
        ended, lasted = (_seconds(row[column], column, name, number) for column in _TIMES)
        if begin <= ended - lasted < end:
            function = (row["app"], row["func"])
            found.append((function, ended - lasted - begin))
            counts[function] += 1
    most = {
        function: f"f{rank:03}" for rank, (function, _) in enumerate(counts.most_common(functions))
    }
    taken = [
        TracedInvocation(most[function], round(1000 * at, 3))
        for function, at in found
        if function in most
    ]
    require_some(len(taken), name, first_minute, last_minute)
    return tuple(sorted(taken, key=lambda invocation: invocation.at_ms))


_TIMES = AZURE_2021_COLUMNS[2:]


def parse_huawei(
    lines: Iterable[str],
    *,
    name: str,
    seed: int,
    first_minute: int = 1,
    minutes: int = 10,
    functions: int = 10,
) -> tuple[TracedInvocation, ...]:
    """The requests in some minutes of a day, of a file by the minute or by the second.

    A cell is a count; empty or NaN: none is known, and none is taken. Times within a minute or
    second are drawn evenly; the same seed gives the same times.

    Raises:
        UsageError: a line that cannot be read, a window outside the day, or none in it.
    """
    last_minute = require_window(first_minute, minutes, functions, seed, longest=MINUTES_OF_A_DAY)
    rows: list[tuple[float, dict[str, str], int]] = []
    first: float | None = None
    for number, row in csv_rows(lines, HUAWEI_COLUMNS, name):
        at = _seconds(row["time"], "time", name, number)
        first = at if first is None else first
        if rows and at <= rows[-1][0]:
            raise UsageError(f"{name}, line {number}: time {at:g} comes after {rows[-1][0]:g}")
        if (first_minute - 1) * 60 <= at - first < last_minute * 60:
            rows.append((at, row, number))
    if first is None or not rows:
        raise UsageError(f"{name} holds no invocation in minutes {first_minute} to {last_minute}")
    length = rows[1][0] - rows[0][0] if len(rows) > 1 else 60.0
    begin = first + (first_minute - 1) * 60
    columns = [column for column in rows[0][1] if column not in HUAWEI_COLUMNS]
    stretches = math.ceil(minutes * 60 / length)
    counted: dict[str, list[int]] = {column: [0] * stretches for column in columns}
    for at, row, number in rows:
        for column in columns:
            counted[column][int((at - begin) // length)] = _count(row[column], column, name, number)
    most = heapq.nlargest(functions, counted.values(), key=sum)
    require_some(sum(map(sum, most)), name, first_minute, last_minute)
    return drawn_within(most, length_ms=1000 * length, seed=seed)


def _count(text: str, column: str, name: str, line: int) -> int:
    if text in ("", "NaN", "nan"):
        return 0
    return round(_seconds(text, f"function {column}", name, line))


def _seconds(text: str, column: str, name: str, line: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= _LARGEST:
        raise UsageError(
            f"{name}, line {line}: {column} must be a number from 0 to {_LARGEST:g}, "
            f"not {text[:40]!r}"
        )
    return value
