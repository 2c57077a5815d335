"""The Azure Functions trace of 2019, whose day is three files. Lines of text, so that this is pure.

* invocations: ``HashOwner,HashApp,HashFunction,Trigger,1,...,1440``, how often each function was
  invoked in each minute of a day;
* durations: ``HashOwner,HashApp,HashFunction,Average,Count,...,percentile_Average_50,...``, in
  milliseconds and without the cold start; the percentiles are of means over 30 seconds;
* memory: ``HashOwner,HashApp,SampleCount,AverageAllocatedMb,...``, of an application, not a
  function.

Source: AzureFunctionsDataset2019.md in Azure/AzurePublicDataset, revision 2.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping

from iluvatar_bench.plans.csv_rows import LARGEST_NUMBER, any_number, csv_rows, whole_number
from iluvatar_bench.plans.function_choice import ChoiceRule, PublicFunction
from iluvatar_bench.plans.trace import (
    AZURE_COLUMNS,
    MINUTE_MS,
    MINUTES_OF_A_DAY,
    TakenTrace,
    TracedFunction,
    drawn_within,
    require_window,
)

FunctionKey = tuple[str, ...]
"""Owner, application and function: one name means one function within its application only."""

_KEY = AZURE_COLUMNS[:3]
_APPLICATION = AZURE_COLUMNS[:2]
_MEDIAN = "percentile_Average_50"
_MEMORY = "AverageAllocatedMb"


def parse_azure(
    lines: Iterable[str],
    *,
    name: str,
    seed: int,
    first_minute: int = 1,
    minutes: int = 10,
    functions: int = 10,
    rule: ChoiceRule = "most",
    keep: float = 1.0,
    durations: Mapping[FunctionKey, float] | None = None,
) -> TakenTrace:
    """The invocations in some minutes of a day, of the functions that a rule takes.

    The trace has only counts, so the times within a minute are drawn evenly; the same seed gives
    the same times. Functions are called ``f000`` and on, by falling count (then in the order of
    the file): the hashes are too long to name containers. ``durations`` is what
    :func:`parse_azure_durations` found; ``keep`` the share of invocations that is kept by chance.

    Raises:
        UsageError: a line that cannot be read, a window outside the day, or none in it.
    """
    last_minute = require_window(first_minute, minutes, functions, seed, longest=MINUTES_OF_A_DAY)
    columns = [str(minute) for minute in range(first_minute, last_minute + 1)]
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
        stretches=minutes,
        stretch_ms=MINUTE_MS,
        functions=functions,
        rule=rule,
        keep=keep,
        seed=seed,
    )


def parse_azure_durations(lines: Iterable[str], *, name: str) -> dict[FunctionKey, float]:
    """Function to how long it runs: the median of its means over 30 seconds, in milliseconds.

    Of a function that stands there twice the first counts; below 0 the duration was not recorded.

    Raises:
        UsageError: a line that cannot be read.
    """
    found: dict[FunctionKey, float] = {}
    for number, row in csv_rows(lines, (*_KEY, _MEDIAN), name):
        median = any_number(row[_MEDIAN], _MEDIAN, name, number, least=-LARGEST_NUMBER)
        if median >= 0:
            found.setdefault(tuple(row[column] for column in _KEY), median)
    return found


def parse_azure_memory(lines: Iterable[str], *, name: str) -> dict[FunctionKey, float]:
    """Owner and application to the memory that it had allocated in the mean, in MiB.

    Raises:
        UsageError: a line that cannot be read.
    """
    found: dict[FunctionKey, float] = {}
    for number, row in csv_rows(lines, (*_APPLICATION, _MEMORY), name):
        memory = any_number(row[_MEMORY], _MEMORY, name, number, least=-LARGEST_NUMBER)
        if memory >= 0:
            found.setdefault(tuple(row[column] for column in _APPLICATION), memory)
    return found


def metadata_of(
    trace: TakenTrace,
    *,
    durations: Mapping[FunctionKey, float],
    memory: Mapping[FunctionKey, float],
    otherwise_mib: int,
) -> dict[str, TracedFunction]:
    """What stands in for a trace's functions is to run for so long and to count for so much.

    Empty where nothing of both is known. An application's memory is split evenly between its
    functions (those that ``durations`` has), as in FaasCache's traces (gen_representative_trace.py
    in aFuerst/faascache-sim). A function whose application has none counts for ``otherwise_mib``;
    one without a duration runs for 0 ms.
    """
    if not memory and all(one.duration_ms is None for one in trace.functions.values()):
        return {}
    sharing = Counter(key[:2] for key in durations)
    found: dict[str, TracedFunction] = {}
    for name, function in trace.functions.items():
        whole = memory.get(function.key[:2])
        mib = otherwise_mib if whole is None else whole / max(sharing[function.key[:2]], 1)
        lasts = round(function.duration_ms or 0.0)
        found[name] = TracedFunction(name, lasts, lasts, max(1, math.ceil(mib)))
    return found
