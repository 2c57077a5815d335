"""Traces of invocations, and the plans that replay them.

Two forms are read, both as lines of text, so that nothing here touches a file:

* Ilúvatar's load generator: a trace ``func_name,invoke_time_ms``, sorted by time, and metadata
  ``func_name,cold_dur_ms,warm_dur_ms,mem_mb`` with further optional columns
  (structs ``CsvInvocation`` and ``Function`` of the load generator in COS-IN/iluvatar-faas);
* the Azure Functions trace of 2019: ``HashOwner,HashApp,HashFunction,Trigger,1,...,1440``, the
  invocations of each function in each minute of a day (AzureFunctionsDataset2019.md in
  Azure/AzurePublicDataset).
"""

from __future__ import annotations

import csv
import heapq
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from iluvatar_bench.errors import UsageError
from iluvatar_bench.plans.arrivals import MAX_ARRIVALS, Arrival
from iluvatar_bench.plans.churn import ChurnPlan, PooledFunction
from iluvatar_bench.plans.seed import require_seed

TRACE_COLUMNS = ("func_name", "invoke_time_ms")
METADATA_COLUMNS = ("func_name", "cold_dur_ms", "warm_dur_ms", "mem_mb")
AZURE_COLUMNS = ("HashOwner", "HashApp", "HashFunction", "Trigger")
MINUTES_OF_A_DAY = 1440
MINUTE_MS = 60_000
LATEST_MS = 365 * MINUTES_OF_A_DAY * MINUTE_MS


@dataclass(frozen=True, slots=True)
class TracedInvocation:
    """One line of a trace: a function by its name there, milliseconds after the trace's start."""

    function: str
    at_ms: float


@dataclass(frozen=True, slots=True)
class TracedFunction:
    """A function's metadata: durations (ms) of its cold and warm starts there, memory (MiB)."""

    name: str
    cold_ms: int
    warm_ms: int
    memory_mib: int


def trace_form(header: str, *, name: str) -> Literal["iluvatar", "azure"]:
    """Which form of trace begins with this line.

    Raises:
        UsageError: neither; ``name`` stands in the message.
    """
    columns = [column.strip() for column in header.removeprefix("\ufeff").strip().split(",")]
    if set(TRACE_COLUMNS) <= set(columns):
        return "iluvatar"
    if tuple(columns[:4]) == AZURE_COLUMNS:
        return "azure"
    raise UsageError(
        f"{name}, line 1: neither an Ilúvatar trace ({','.join(TRACE_COLUMNS)}) nor an Azure one "
        f"({','.join(AZURE_COLUMNS)},1,...,{MINUTES_OF_A_DAY})"
    )


def parse_trace(lines: Iterable[str], *, name: str) -> tuple[TracedInvocation, ...]:
    """The invocations of an Ilúvatar trace.

    Raises:
        UsageError: a line that cannot be read, a negative time, or one before the line above it.
    """
    found: list[TracedInvocation] = []
    for number, row in _rows(lines, TRACE_COLUMNS, name):
        at_ms = _number(row["invoke_time_ms"], "invoke_time_ms", LATEST_MS, name, number)
        if found and at_ms < found[-1].at_ms:
            raise UsageError(
                f"{name}, line {number}: {at_ms} ms comes after {found[-1].at_ms:g} ms, "
                "and a trace is sorted by time"
            )
        found.append(TracedInvocation(row["func_name"], at_ms))
    if not found:
        raise UsageError(f"{name} holds no invocation")
    return tuple(found)


def parse_metadata(lines: Iterable[str], *, name: str) -> dict[str, TracedFunction]:
    """The functions of a trace's metadata, by name; columns beyond the four are passed over.

    Raises:
        UsageError: a line that cannot be read, or a function that stands there twice.
    """
    found: dict[str, TracedFunction] = {}
    for number, row in _rows(lines, METADATA_COLUMNS, name):
        function = row["func_name"]
        if function in found:
            raise UsageError(f"{name}, line {number}: function {function!r} stands there twice")
        cold, warm, memory = (
            _number(row[column], column, LATEST_MS, name, number) for column in METADATA_COLUMNS[1:]
        )
        found[function] = TracedFunction(function, cold, warm, memory)
    return found


def parse_azure(
    lines: Iterable[str],
    *,
    name: str,
    seed: int,
    first_minute: int = 1,
    minutes: int = 10,
    functions: int = 10,
) -> tuple[TracedInvocation, ...]:
    """The invocations in some minutes of an Azure trace, of the functions invoked most in them.

    The trace has only counts, so the times within a minute are drawn evenly; the same seed gives
    the same times. Functions are called ``f000`` and on, by falling count (then in the order of
    the file): the hashes are too long to name containers.

    Raises:
        UsageError: a line that cannot be read, a window outside the day, or none in it.
    """
    last_minute = first_minute + minutes - 1
    if not 1 <= first_minute <= last_minute <= MINUTES_OF_A_DAY:
        raise UsageError(
            f"minutes {first_minute} to {last_minute} are not within 1 to {MINUTES_OF_A_DAY}"
        )
    if not 1 <= functions <= 1000:
        raise UsageError(f"functions of a trace must be between 1 and 1000, not {functions}")
    require_seed(seed)
    columns = [str(minute) for minute in range(first_minute, last_minute + 1)]
    counted = (
        [_number(row[column], f"minute {column}", 10**9, name, number) for column in columns]
        for number, row in _rows(lines, (*AZURE_COLUMNS, *columns), name)
    )
    most = heapq.nlargest(functions, counted, key=sum)
    if not any(map(sum, most)):
        raise UsageError(f"{name} holds no invocation in minutes {first_minute} to {last_minute}")
    if sum(map(sum, most)) > MAX_ARRIVALS:
        raise UsageError(
            f"{name} holds more than {MAX_ARRIVALS} invocations there; "
            "take fewer minutes or functions"
        )
    source = random.Random(seed)
    found = [
        TracedInvocation(f"f{rank:03}", round((minute + source.random()) * MINUTE_MS, 3))
        for rank, counts in enumerate(most)
        for minute, count in enumerate(counts)
        for _ in range(count)
    ]
    return tuple(sorted(found, key=lambda invocation: invocation.at_ms))


def replay(
    invocations: Sequence[TracedInvocation],
    *,
    functions: Mapping[str, PooledFunction],
    budget_mib: int,
    seed: int = 0,
    speed: float = 1.0,
    limit: int | None = None,
    keep_alive_ms: int | None = None,
) -> ChurnPlan:
    """The plan that replays a trace, ``speed`` times as fast, up to ``limit`` arrivals.

    ``functions`` says what stands in for each function of the trace. The first arrival of the
    trace keeps its distance from the trace's start. How long the trace's own functions ran is not
    imitated: what runs is what stands in for them.

    Raises:
        UsageError: nothing stands in for a function, or a number is impossible.
    """
    if not 0.001 <= speed <= 100_000:
        raise UsageError(f"speed must be between 0.001 and 100000, not {speed:g}")
    if limit is not None and limit < 1:
        raise UsageError(f"limit must be at least 1, not {limit}")
    taken = invocations[:limit]
    unknown = sorted({invocation.function for invocation in taken} - set(functions))
    if unknown:
        more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
        raise UsageError(
            f"nothing stands in for function {', '.join(map(repr, unknown[:3]))}{more} of the "
            f"trace; name it: --map {unknown[0]}=hello"
        )
    named = dict.fromkeys(invocation.function for invocation in taken)
    return ChurnPlan(
        kind="trace",
        arrivals=tuple(
            Arrival(index, functions[one.function].name, round(one.at_ms / speed, 3))
            for index, one in enumerate(taken)
        ),
        functions=tuple(functions[name] for name in named),
        budget_mib=budget_mib,
        keep_alive_ms=keep_alive_ms,
        seed=seed,
    )


def _rows(
    lines: Iterable[str], columns: Sequence[str], name: str
) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and values of each line after the header; blank lines are passed over."""
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


def _number(text: str, column: str, largest: int, name: str, line: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19) or int(text) > largest:
        raise UsageError(
            f"{name}, line {line}: {column} must be a whole number from 0 to {largest}, "
            f"not {text[:40]!r}"
        )
    return int(text)
