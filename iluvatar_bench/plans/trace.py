"""Traces of invocations, and the plans that replay them.

Two forms are read here, both as lines of text, so that nothing here touches a file (two more in
:mod:`.public_traces`):

* Ilúvatar's load generator: a trace ``func_name,invoke_time_ms``, sorted by time, and metadata
  ``func_name,cold_dur_ms,warm_dur_ms,mem_mb`` with further optional columns
  (structs ``CsvInvocation`` and ``Function`` of the load generator in COS-IN/iluvatar-faas);
* the Azure Functions trace of 2019: ``HashOwner,HashApp,HashFunction,Trigger,1,...,1440``, the
  invocations of each function in each minute of a day (AzureFunctionsDataset2019.md in
  Azure/AzurePublicDataset).
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from iluvatar_bench.errors import UsageError
from iluvatar_bench.plans.arrivals import MAX_ARRIVALS, Arrival
from iluvatar_bench.plans.churn import ChurnPlan, PooledFunction
from iluvatar_bench.plans.csv_rows import csv_rows, whole_number
from iluvatar_bench.plans.seed import require_seed

TRACE_COLUMNS = ("func_name", "invoke_time_ms")
METADATA_COLUMNS = ("func_name", "cold_dur_ms", "warm_dur_ms", "mem_mb")
AZURE_COLUMNS = ("HashOwner", "HashApp", "HashFunction", "Trigger")
AZURE_2021_COLUMNS = ("app", "func", "end_timestamp", "duration")
HUAWEI_COLUMNS = ("day", "time")
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


TraceForm = Literal["iluvatar", "azure", "azure_2021", "huawei"]


def trace_form(header: str, *, name: str) -> TraceForm:
    """Which form of trace begins with this line.

    Raises:
        UsageError: neither; ``name`` stands in the message.
    """
    columns = [column.strip() for column in header.removeprefix("\ufeff").strip().split(",")]
    if set(TRACE_COLUMNS) <= set(columns):
        return "iluvatar"
    if tuple(columns[:4]) == AZURE_COLUMNS:
        return "azure"
    if set(AZURE_2021_COLUMNS) <= set(columns):
        return "azure_2021"
    if tuple(columns[:2]) == HUAWEI_COLUMNS:
        return "huawei"
    raise UsageError(
        f"{name}, line 1: neither an Ilúvatar trace ({','.join(TRACE_COLUMNS)}) nor an Azure one "
        f"({','.join(AZURE_COLUMNS)},1,...,{MINUTES_OF_A_DAY}, or "
        f"{','.join(AZURE_2021_COLUMNS)}), nor one of Huawei's ({','.join(HUAWEI_COLUMNS)},0,1,...)"
    )


def parse_trace(lines: Iterable[str], *, name: str) -> tuple[TracedInvocation, ...]:
    """The invocations of an Ilúvatar trace.

    Raises:
        UsageError: a line that cannot be read, a negative time, or one before the line above it.
    """
    found: list[TracedInvocation] = []
    for number, row in csv_rows(lines, TRACE_COLUMNS, name):
        at_ms = whole_number(row["invoke_time_ms"], "invoke_time_ms", LATEST_MS, name, number)
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
    for number, row in csv_rows(lines, METADATA_COLUMNS, name):
        function = row["func_name"]
        if function in found:
            raise UsageError(f"{name}, line {number}: function {function!r} stands there twice")
        cold, warm, memory = (
            whole_number(row[column], column, LATEST_MS, name, number)
            for column in METADATA_COLUMNS[1:]
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
    last_minute = require_window(first_minute, minutes, functions, seed, longest=MINUTES_OF_A_DAY)
    columns = [str(minute) for minute in range(first_minute, last_minute + 1)]
    counted = (
        [whole_number(row[column], f"minute {column}", 10**9, name, number) for column in columns]
        for number, row in csv_rows(lines, (*AZURE_COLUMNS, *columns), name)
    )
    most = heapq.nlargest(functions, counted, key=sum)
    require_some(sum(map(sum, most)), name, first_minute, last_minute)
    return drawn_within(most, length_ms=MINUTE_MS, seed=seed)


def require_window(
    first_minute: int, minutes: int, functions: int, seed: int, *, longest: int
) -> int:
    """The last minute of a window that begins with minute 1 at the earliest.

    Raises:
        UsageError: a number is out of its range.
    """
    last_minute = first_minute + minutes - 1
    if not 1 <= first_minute <= last_minute <= longest:
        raise UsageError(f"minutes {first_minute} to {last_minute} are not within 1 to {longest}")
    if not 1 <= functions <= 1000:
        raise UsageError(f"functions of a trace must be between 1 and 1000, not {functions}")
    require_seed(seed)
    return last_minute


def require_some(invocations: int, name: str, first_minute: int, last_minute: int) -> None:
    """Refuse a window with none, or with more than a plan takes.

    Raises:
        UsageError: either.
    """
    if not invocations:
        raise UsageError(f"{name} holds no invocation in minutes {first_minute} to {last_minute}")
    if invocations > MAX_ARRIVALS:
        raise UsageError(
            f"{name} holds more than {MAX_ARRIVALS} invocations there; "
            "take fewer minutes or functions"
        )


def drawn_within(
    counts: Iterable[Sequence[int]], *, length_ms: float, seed: int
) -> tuple[TracedInvocation, ...]:
    """Invocations of functions f000 and on, from how many each had in each stretch of time.

    Times within a stretch are drawn evenly.
    """
    source = random.Random(seed)
    found = [
        TracedInvocation(f"f{rank:03}", round((number + source.random()) * length_ms, 3))
        for rank, of_one in enumerate(counts)
        for number, count in enumerate(of_one)
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
