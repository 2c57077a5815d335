"""What a trace becomes when it is replayed: the plan, and how true it is to the trace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iluvatar_bench.commands.output import print_json, print_plain, print_rows
from iluvatar_bench.commands.save_figures import save_burstiness_figure
from iluvatar_bench.errors import UsageError
from iluvatar_bench.plans import (
    Burstiness,
    ChurnPlan,
    TakenTrace,
    TraceWindow,
    burstiness,
    metadata_of,
    replay,
    spread,
    stand_in,
)
from iluvatar_bench.runs.trace_files import (
    read_durations,
    read_memory,
    read_metadata,
    read_trace,
)

if TYPE_CHECKING:
    import pandas as pd

    from iluvatar_bench.records.run_result import RunResult

_STAND_IN = "stand_in"
_MEASURES = {"inter_arrival_ms": "inter-arrival time", "duration_ms": "duration"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A trace, what was taken of it, and the plan that replays that ``speed`` times as fast."""

    trace: TakenTrace
    plan: ChurnPlan
    window: TraceWindow
    speed: float

    @property
    def dispersion(self) -> tuple[Burstiness, ...]:
        """How bursty the trace is, and the plan, over windows of several lengths."""
        return self.dispersion_of(
            arrival.at_ms for arrival in self.plan.arrivals if arrival.at_ms is not None
        )

    def dispersion_of(self, times_ms: Iterable[float]) -> tuple[Burstiness, ...]:
        """How bursty the trace is, and arrivals at these times after the replay's start."""
        return burstiness(
            self.trace.counts,
            times_ms,
            stretch_ms=self.trace.stretch_ms,
            speed=self.speed,
            keep=self.window.keep,
        )

    def as_json(self) -> dict[str, Any]:
        """What :func:`print_replay` prints, as JSON-ready values."""
        return {
            "arrivals": len(self.plan.arrivals),
            "lasts_ms": self.trace.window_ms / self.speed,
            "population": len(self.trace.population),
            "functions": [
                {**one.as_json(), "key": list(self.trace.functions[one.name].key)}
                for one in self.plan.functions
            ],
            "spread": {"all": self._spread_of_all(), "taken": self._spread_of_taken()},
            "dispersion": [asdict(row) for row in self.dispersion],
        }

    def _spread_of_all(self) -> Mapping[str, tuple[float, float, float]]:
        return spread(self.trace.population, window_ms=self.trace.window_ms)

    def _spread_of_taken(self) -> Mapping[str, tuple[float, float, float]]:
        return spread(tuple(self.trace.functions.values()), window_ms=self.trace.window_ms)

    def spreads(self) -> list[tuple[str, ...]]:
        """A row a measure: its quartiles over all functions, and over those that were taken."""
        whole, taken = self._spread_of_all(), self._spread_of_taken()
        return [
            (title, *(_quartiles(of.get(name)) for of in (whole, taken)))
            for name, title in _MEASURES.items()
            if name in whole
        ]


def planned_trace(
    file: Path,
    *,
    window: TraceWindow,
    metadata: Path | None,
    durations: Path | None,
    app_memory: Path | None,
    chosen: Mapping[str, str],
    in_turn: Sequence[str],
    memory_mib: int,
    budget_mib: int,
    speed: float,
    limit: int | None,
    keep_alive_ms: int | None,
) -> Replayed:
    """Read the files of a trace and make the plan of its replay.

    Raises:
        UsageError: a file cannot be read, or a number is impossible.
    """
    if app_memory is not None and durations is None:
        raise UsageError(
            "--app-memory goes with --durations, which says how long functions run and, of "
            "Azure's, which of them share an application's memory: name both files"
        )
    # The small files first: a slip in their names is told before the large one is read.
    told = None if metadata is None else read_metadata(metadata)
    memory = None if app_memory is None else read_memory(app_memory)
    lasting = None if durations is None else read_durations(durations)
    if memory is not None and lasting is not None and memory.form != lasting.form:
        raise UsageError(
            f"{app_memory} is one of {memory.form.capitalize()}'s files, "
            f"{durations} one of {lasting.form.capitalize()}'s"
        )
    trace = read_trace(file, window=window, durations=lasting)
    if told is None:
        told = metadata_of(
            trace,
            durations={} if lasting is None else lasting.of,
            memory={} if memory is None else memory.of,
            otherwise_mib=memory_mib,
        )
    functions = stand_in(
        trace.invocations,
        chosen=chosen,
        in_turn=in_turn or ((_STAND_IN,) if told else ()),
        metadata=told,
        memory_mib=memory_mib,
    )
    plan = replay(
        trace.invocations,
        functions=functions,
        budget_mib=budget_mib,
        seed=window.seed,
        speed=speed,
        limit=limit,
        keep_alive_ms=keep_alive_ms,
    )
    return Replayed(trace=trace, plan=plan, window=window, speed=speed)


def print_replay(replayed: Replayed, *, as_json: bool) -> None:
    """Say what would be replayed, and how true to the trace it is."""
    if as_json:
        print_json(replayed.as_json())
        return
    trace, plan = replayed.trace, replayed.plan
    print_plain(
        f"{len(plan.arrivals)} arrivals of {len(plan.functions)} of {len(trace.population)} "
        f"functions in {trace.window_ms / replayed.speed / 1000:.1f} s"
    )
    print_rows(
        ("function", "stands in", "invocations", "runs", "counts for"),
        [
            (
                one.name,
                one.source,
                trace.functions[one.name].invocations,
                "as it does" if one.duration_ms is None else f"{one.duration_ms} ms",
                f"{one.memory_mib} MiB",
            )
            for one in sorted(plan.functions, key=lambda function: function.name)
        ],
    )
    spreads = replayed.spreads()
    if spreads:
        print_rows(("quartiles over functions", "all", "taken"), spreads)
    _print_dispersion(replayed.dispersion, "planned")


def tell_replayed(replayed: Replayed, run: RunResult, *, quiet: bool) -> None:
    """Keep how true a run was to its trace in its folder, as tables and a figure; and print it.

    How bursty its arrivals were as they were submitted, and how long what stands in ran, in how
    much memory.
    """
    arrivals = run.arrivals
    if arrivals is None or arrivals.empty:
        return
    import pandas as pd

    from iluvatar_bench.report.stand_in_table import stand_in_table
    from iluvatar_bench.runs.store import RunFolder

    # What is started ahead of any arrival moves all of them by the time that it takes.
    first = replayed.plan.arrivals[arrivals["arrival"].iloc[0]].at_ms or 0.0
    moved = arrivals["planned_at_ms"].iloc[0] - first
    rows = replayed.dispersion_of(arrivals["submitted_at_ms"] - moved)
    imitated = [one for one in replayed.plan.functions if one.source == _STAND_IN]
    stood_in = stand_in_table(imitated, arrivals, run.seen["samples"])
    folder = RunFolder(run.folder)
    table = pd.DataFrame([asdict(row) for row in rows])
    folder.write_csv("burstiness", table)
    save_burstiness_figure(table, run.folder)
    if not stood_in.empty:
        folder.write_csv("stand_ins", stood_in)
    if not quiet:
        _print_stand_ins(stood_in)
        _print_dispersion(rows, "submitted")


def _print_stand_ins(table: pd.DataFrame) -> None:
    if table.empty:
        return
    print_rows(
        (
            "stands in for",
            "warm",
            "is to run",
            "ran: median, 95 %",
            "containers",
            "to hold",
            "held",
        ),
        [
            (
                row.function,
                row.arrivals,
                f"{row.asked_ms} ms",
                "-" if not row.arrivals else f"{row.took_ms:.0f}, {row.took_95_ms:.0f} ms",
                row.containers,
                f"{row.asked_mib} MiB",
                "-" if not row.containers else f"{row.resident_mib:.0f} MiB",
            )
            for row in table.itertuples(index=False)
        ],
    )


def _print_dispersion(rows: Sequence[Burstiness], what: str) -> None:
    print_rows(
        ("index of dispersion", "windows", "trace", "expected", what),
        [
            (
                f"{_duration(row.trace_window_ms)} -> {_duration(row.replay_window_ms)}",
                row.windows,
                *(_number(value) for value in (row.trace, row.expected, row.replay)),
            )
            for row in rows
        ],
    )


def _quartiles(values: tuple[float, float, float] | None) -> str:
    return "-" if values is None else " / ".join(_duration(value) for value in values)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _duration(ms: float) -> str:
    for size, unit in ((3_600_000, "h"), (60_000, "min"), (1000, "s")):
        if ms >= size:
            return f"{ms / size:.3g} {unit}"
    return f"{ms:.3g} ms"
