"""The invocations of the Azure Functions trace of 2019. Lines of text, so that this is pure.

A day is a file ``HashOwner,HashApp,HashFunction,Trigger,1,...,1440``: how often each function was
invoked in each minute (AzureFunctionsDataset2019.md in Azure/AzurePublicDataset, revision 2). Its
files of durations and memory are read by :mod:`.function_facts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from iluvatar_bench.plans.csv_rows import csv_rows, whole_number
from iluvatar_bench.plans.function_choice import PublicFunction
from iluvatar_bench.plans.function_facts import FunctionKey
from iluvatar_bench.plans.trace import (
    AZURE_COLUMNS,
    MINUTE_MS,
    MINUTES_OF_A_DAY,
    TakenTrace,
    drawn_within,
)
from iluvatar_bench.plans.trace_window import DEFAULT_WINDOW, TraceWindow

_KEY = AZURE_COLUMNS[:3]
"""One name means one function within its application only."""


def parse_azure(
    lines: Iterable[str],
    *,
    name: str,
    window: TraceWindow = DEFAULT_WINDOW,
    durations: Mapping[FunctionKey, float] | None = None,
) -> TakenTrace:
    """What a window takes of a day.

    The trace has only counts, so the times within a minute are drawn evenly. Functions are called
    ``f000`` and on, by falling count (then in the order of the file): the hashes are too long to
    name containers. ``durations`` is what :func:`.parse_durations` found.

    Raises:
        UsageError: a line that cannot be read, a window outside the day, or none in it.
    """
    last_minute = window.last_minute_of(MINUTES_OF_A_DAY)
    columns = [str(minute) for minute in range(window.first_minute, last_minute + 1)]
    population: list[PublicFunction] = []
    counted: list[dict[int, int]] = []
    for number, row in csv_rows(lines, (*AZURE_COLUMNS, *columns), name):
        # Of 46,000 functions most have none in most minutes.
        counts = {
            at: count
            for at, column in enumerate(columns)
            if (count := whole_number(row[column], f"minute {column}", 10**9, name, number))
        }
        if counts:
            key = tuple(row[column] for column in _KEY)
            lasts = None if durations is None else durations.get(key)
            population.append(PublicFunction(key, sum(counts.values()), lasts))
            counted.append(counts)
    return drawn_within(
        population,
        counted,
        name=name,
        window=window,
        stretches=window.minutes,
        stretch_ms=MINUTE_MS,
    )
