"""Public traces in the forms in which they are published. Lines of text, so that this is pure.

* Azure Functions 2021: ``app,func,end_timestamp,duration``, a line an invocation over two weeks, in
  seconds (AzureFunctionsInvocationTrace2021.md in Azure/AzurePublicDataset);
* Huawei 2023, public and private: ``day,time,0,1,...``, a line a minute or a second of a day, a
  column a function, in each cell its requests (README_data_release_2023.md of sir-lab). Times are
  seconds since the first day.

As of Azure's 2019 (:mod:`.azure_2019`) the functions that a rule takes are called ``f000`` and on.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping

from iluvatar_bench.errors import UsageError
from iluvatar_bench.plans.burstiness import counted_by
from iluvatar_bench.plans.csv_rows import any_number, csv_rows
from iluvatar_bench.plans.function_choice import PublicFunction, choose_functions
from iluvatar_bench.plans.function_facts import FunctionKey
from iluvatar_bench.plans.trace import (
    AZURE_2021_COLUMNS,
    HUAWEI_COLUMNS,
    MINUTE_MS,
    MINUTES_OF_A_DAY,
    TakenTrace,
    TracedInvocation,
    drawn_within,
)
from iluvatar_bench.plans.trace_window import DEFAULT_WINDOW, TraceWindow

_TWO_WEEKS = 14 * MINUTES_OF_A_DAY


def parse_azure_2021(
    lines: Iterable[str],
    *,
    name: str,
    window: TraceWindow = DEFAULT_WINDOW,
) -> TakenTrace:
    """What a window takes of the invocations, each in the minute in which it began.

    An invocation began at its end less its duration. A function is told by its application as well;
    it runs for the mean of what its invocations there took.

    Raises:
        UsageError: a line that cannot be read, a window outside the two weeks, or none in it.
    """
    last_minute = window.last_minute_of(_TWO_WEEKS)
    begin, end = (window.first_minute - 1) * 60.0, last_minute * 60.0
    began_at: dict[tuple[str, ...], list[float]] = {}
    took: dict[tuple[str, ...], float] = {}
    for number, row in csv_rows(lines, AZURE_2021_COLUMNS, name):
        ended, lasted = (any_number(row[column], column, name, number) for column in _TIMES)
        if begin <= ended - lasted < end:
            key = (row["app"], row["func"])
            began_at.setdefault(key, []).append(1000 * (ended - lasted - begin))
            took[key] = took.get(key, 0.0) + 1000 * lasted
    population = [
        PublicFunction(key, len(times), took[key] / len(times)) for key, times in began_at.items()
    ]
    chosen = choose_functions(
        population, functions=window.functions, rule=window.rule, seed=window.seed
    )
    times_ms = [
        (rank, at) for rank, one in enumerate(chosen) for at in began_at[population[one].key]
    ]
    window.require_some(window.keep * len(times_ms), name)
    kept = window.kept_by_chance(random.Random(window.seed))
    taken = [TracedInvocation(f"f{rank:03}", round(at, 3)) for rank, at in times_ms if kept(1)]
    window.require_some(len(taken), name)
    return TakenTrace(
        invocations=tuple(sorted(taken, key=lambda invocation: invocation.at_ms)),
        functions={f"f{rank:03}": population[one] for rank, one in enumerate(chosen)},
        population=tuple(population),
        counts=tuple(
            counted_by((at for _, at in times_ms), stretch_ms=MINUTE_MS, stretches=window.minutes)
        ),
        stretch_ms=MINUTE_MS,
    )


_TIMES = AZURE_2021_COLUMNS[2:]


def parse_huawei(
    lines: Iterable[str],
    *,
    name: str,
    window: TraceWindow = DEFAULT_WINDOW,
    durations: Mapping[FunctionKey, float] | None = None,
) -> TakenTrace:
    """What a window takes of a day, of a file by the minute or by the second.

    A cell is a count; empty or NaN: none is known, and none is taken. Times within a minute or
    second are drawn evenly. ``durations`` is what :func:`.parse_durations` found.

    Raises:
        UsageError: a line that cannot be read, a window outside the day, or none in it.
    """
    last_minute = window.last_minute_of(MINUTES_OF_A_DAY)
    counted: dict[str, dict[float, int]] = {}
    first: float | None = None
    inside: list[float] = []
    for number, row in csv_rows(lines, HUAWEI_COLUMNS, name):
        at = any_number(row["time"], "time", name, number)
        first = at if first is None else first
        if inside and at <= inside[-1]:
            raise UsageError(f"{name}, line {number}: time {at:g} comes after {inside[-1]:g}")
        if not (window.first_minute - 1) * 60 <= at - first < last_minute * 60:
            continue
        inside.append(at)
        for column, text in row.items():
            if column not in HUAWEI_COLUMNS:
                of_one = counted.setdefault(column, {})
                if count := _count(text, column, name, number):
                    of_one[at] = count
    if first is None or not inside:
        raise UsageError(
            f"{name} holds no invocation in minutes {window.first_minute} to {last_minute}"
        )
    length = inside[1] - inside[0] if len(inside) > 1 else 60.0
    begin = first + (window.first_minute - 1) * 60
    invoked = {column: counts for column, counts in counted.items() if counts}
    return drawn_within(
        [
            PublicFunction((column,), sum(counts.values()), (durations or {}).get((column,)))
            for column, counts in invoked.items()
        ],
        [
            {int((at - begin) // length): count for at, count in counts.items()}
            for counts in invoked.values()
        ],
        name=name,
        window=window,
        stretches=math.ceil(window.minutes * 60 / length),
        stretch_ms=1000 * length,
    )


def _count(text: str, column: str, name: str, line: int) -> int:
    if text in ("", "NaN", "nan"):
        return 0
    return round(any_number(text, f"function {column}", name, line))
