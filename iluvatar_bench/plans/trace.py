"""Traces of invocations, and the plans that replay them.

The form of Ilúvatar's load generator is read here, as lines of text, so that nothing here touches a
file: a trace ``func_name,invoke_time_ms``, sorted by time, and metadata
``func_name,cold_dur_ms,warm_dur_ms,mem_mb`` with further optional columns
(structs ``CsvInvocation`` and ``Function`` of the load generator in COS-IN/iluvatar-faas). Public
traces are in :mod:`.azure_2019` and :mod:`.public_traces`.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from iluvatar_bench.errors import UsageError
from iluvatar_bench.plans.arrivals import Arrival
from iluvatar_bench.plans.burstiness import counted_by
from iluvatar_bench.plans.churn import ChurnPlan, PooledFunction
from iluvatar_bench.plans.csv_rows import csv_rows, whole_number
from iluvatar_bench.plans.function_choice import PublicFunction, choose_functions
from iluvatar_bench.plans.trace_window import TraceWindow

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


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenTrace:
    """What was taken of a trace, and what it was taken from.

    ``functions`` are those that were taken, by the names that ``invocations`` have for them, and
    ``population`` all that were invoked in the window. ``counts`` has what those that were taken
    did in each stretch of the window, before any was left out by chance.
    """

    invocations: tuple[TracedInvocation, ...]
    functions: Mapping[str, PublicFunction]
    population: tuple[PublicFunction, ...]
    counts: tuple[int, ...]
    stretch_ms: float

    @property
    def window_ms(self) -> float:
        """How long the window is."""
        return len(self.counts) * self.stretch_ms


TraceForm = Literal["iluvatar", "azure", "azure_2021", "huawei"]


def trace_form(header: str, *, name: str) -> TraceForm:
    """Which form of trace begins with this line.

    Raises:
        UsageError: neither; ``name`` stands in the message.
    """
    columns = _columns(header)
    if set(TRACE_COLUMNS) <= set(columns):
        return "iluvatar"
    if tuple(columns[:4]) == AZURE_COLUMNS:
        return "azure"
    if set(AZURE_2021_COLUMNS) <= set(columns):
        return "azure_2021"
    if is_huaweis(header):
        return "huawei"
    raise UsageError(
        f"{name}, line 1: neither an Ilúvatar trace ({','.join(TRACE_COLUMNS)}) nor an Azure one "
        f"({','.join(AZURE_COLUMNS)},1,...,{MINUTES_OF_A_DAY}, or "
        f"{','.join(AZURE_2021_COLUMNS)}), nor one of Huawei's ({','.join(HUAWEI_COLUMNS)},0,1,...)"
    )


def is_huaweis(header: str) -> bool:
    """Whether a file that begins with this line is one of Huawei's: of requests, or another."""
    return tuple(_columns(header)[:2]) == HUAWEI_COLUMNS


def _columns(header: str) -> list[str]:
    return [column.strip() for column in header.removeprefix("\ufeff").strip().split(",")]


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


def taken_whole(invocations: Sequence[TracedInvocation]) -> TakenTrace:
    """A trace of which everything is taken; its counts are of 1,440 stretches, as a day's are."""
    stretch_ms = max(invocations[-1].at_ms + 1, MINUTES_OF_A_DAY) / MINUTES_OF_A_DAY
    times = Counter(one.function for one in invocations)
    functions = {name: PublicFunction((name,), count) for name, count in times.items()}
    return TakenTrace(
        invocations=tuple(invocations),
        functions=functions,
        population=tuple(functions.values()),
        counts=tuple(
            counted_by(
                (one.at_ms for one in invocations),
                stretch_ms=stretch_ms,
                stretches=MINUTES_OF_A_DAY,
            )
        ),
        stretch_ms=stretch_ms,
    )


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


def drawn_within(
    population: Sequence[PublicFunction],
    counted: Sequence[Mapping[int, int]],
    *,
    name: str,
    window: TraceWindow,
    stretches: int,
    stretch_ms: float,
) -> TakenTrace:
    """What a window takes of functions, and invocations of them, from counts by stretch of time.

    ``counted`` has the counts of each of ``population``, by the number of the stretch. Times within
    a stretch are drawn evenly.

    Raises:
        UsageError: none is left, or more than a plan takes.
    """
    chosen = choose_functions(
        population, functions=window.functions, rule=window.rule, seed=window.seed
    )
    source = random.Random(window.seed)
    kept = window.kept_by_chance(source)
    counts = [0] * stretches
    window.require_some(window.keep * sum(population[at].invocations for at in chosen), name)
    found: list[TracedInvocation] = []
    for rank, at in enumerate(chosen):
        for number, count in counted[at].items():
            counts[number] += count
            found += [
                TracedInvocation(f"f{rank:03}", round((number + source.random()) * stretch_ms, 3))
                for _ in range(kept(count))
            ]
    window.require_some(len(found), name)
    return TakenTrace(
        invocations=tuple(sorted(found, key=lambda invocation: invocation.at_ms)),
        functions={f"f{rank:03}": population[at] for rank, at in enumerate(chosen)},
        population=tuple(population),
        counts=tuple(counts),
        stretch_ms=stretch_ms,
    )


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
    trace keeps its distance from the trace's start. Durations are not made shorter with time, and
    are imitated by the function ``stand_in`` alone: what runs is what stands in for them.

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
