"""The kinds of figures of runs, by the names that ``iluvatar-bench figure`` knows them by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from iluvatar_bench.errors import UsageError, meant
from iluvatar_bench.profiles.design import Design
from iluvatar_bench.records import STEP_COLUMNS
from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.records.run_status import OBSERVED
from iluvatar_bench.report.field_tables import client_rates, kills
from iluvatar_bench.report.figure_data import (
    SAMPLE_COLUMNS,
    collections_of,
    deaths_in,
    survival_of,
    timeline_of,
    trials_of,
)
from iluvatar_bench.report.figures import (
    plot_arrivals,
    plot_client_rates,
    plot_differences,
    plot_effects,
    plot_kills,
    plot_left_behind,
    plot_lifecycles,
    plot_memory,
    plot_occupancy,
    plot_rates,
    plot_start_latency,
    plot_steps,
    plot_survival,
    save_figure,
    side_by_side,
)
from iluvatar_bench.report.figures.lifecycles import LIFE_COLUMNS
from iluvatar_bench.report.figures.monitor import OWN_KINDS, timeline_figure
from iluvatar_bench.report.figures.style import Drawn
from iluvatar_bench.report.run_labels import told_apart
from iluvatar_bench.stats import class_effects, compare_runs

Runs = Sequence[RunResult]

FEWEST_ROUNDS = 5
"""Rounds of the memory poller from which on a curve says something."""

_STRETCHES = 24
"""Into so many an observation is cut, of whole minutes, for its rates over time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureKind:
    """``lacks`` says what runs lack for such a figure, empty if nothing; ``draw`` draws it."""

    lacks: Callable[[Runs], str]
    draw: Callable[[Runs], Drawn]


def draw_figure(runs: Runs, kind: str) -> Drawn:
    """The figure of that kind; runs that are called the same have their ids in it.

    Raises:
        UsageError: no such kind, or the runs lack something for it.
    """
    if kind not in FIGURE_KINDS:
        raise UsageError(
            f"no kind of figure {kind!r}{meant(kind, FIGURE_KINDS)}; there are: "
            f"{', '.join(FIGURE_KINDS)}"
        )
    for run in runs:
        run.require_trials()
    lacking = FIGURE_KINDS[kind].lacks(runs)
    if lacking:
        fitting = ", ".join(fitting_kinds(runs))
        raise UsageError(f"no figure {kind} of these runs: {lacking}; there are: {fitting}")
    return FIGURE_KINDS[kind].draw(told_apart(runs))


def fitting_kinds(runs: Runs) -> tuple[str, ...]:
    """The kinds of which these runs lack nothing; none for a run without a trial."""
    if not all(len(run.table) for run in runs):
        return ()
    return tuple(name for name, kind in FIGURE_KINDS.items() if not kind.lacks(runs))


def save_run_figures(run: RunResult, *, again: bool = False) -> list[Path]:
    """Every figure of the run, as PNG and SVG in its folder, by the names of their kinds.

    With ``again`` only those that are there already are drawn, from what the tables say now.

    Raises:
        UnusablePath: one cannot be written.
    """
    paths: list[Path] = []
    for kind in fitting_kinds([run]):
        if again and not (run.folder / f"{kind}.png").exists():
            continue
        paths += save_figure(draw_figure([run], kind), run.folder / kind)
    return paths


def _each(draw: Callable[..., Any], frames: Iterable[tuple[str, pd.DataFrame | None]]) -> Drawn:
    return side_by_side(draw, {name: frame for name, frame in frames if frame is not None})


def _anything(_: Runs) -> str:
    return ""


def _one(runs: Runs) -> str:
    return "" if len(runs) == 1 else f"it is of one run, not {len(runs)}"


def _two(runs: Runs) -> str:
    if any(run.workload == OBSERVED for run in runs):
        return "observations are compared by days (iluvatar-bench compare)"
    return "" if len(runs) == 2 else f"it is of two runs, not {len(runs)}"


def _steps(runs: Runs) -> str:
    known = trials_of(runs, *STEP_COLUMNS).notna().any(axis=None)
    return "" if known else "no trial got through a step"


def _lifecycles(runs: Runs) -> str:
    return _one(runs) or ("" if _known(runs, "total_ms") else "no life has an end")


def _survival(runs: Runs) -> str:
    return "" if _known(runs, "alive_ms") else "none became ready"


def _known(runs: Runs, column: str) -> bool:
    return bool(trials_of(runs, column)[column].notna().any())


def _memory(runs: Runs) -> str:
    samples = runs[0].seen_columns("samples", "round")
    if samples.empty or samples["round"].nunique() < FEWEST_ROUNDS:
        return _one(runs) or f"its memory was read less than {FEWEST_ROUNDS} times"
    return _one(runs)


def _arrivals(runs: Runs) -> str:
    kept = all(run.arrivals is not None and run.pool is not None for run in runs)
    return "" if kept else "one is of a workload without arrivals"


def _effects(runs: Runs) -> str:
    return _one(runs) or ("" if "design" in runs[0].manifest else "it is of no root-cause run")


def _timeline(runs: Runs) -> str:
    if len(runs) == 1 and first_timed_trial(runs[0]) is None:
        return "no failed trial has its times"
    return _one(runs)


def _observed(runs: Runs) -> str:
    return _one(runs) or ("" if runs[0].workload == OBSERVED else "it is no observation")


def _kills(runs: Runs) -> str:
    return _observed(runs) or ("" if len(kills(runs[0].trials)) else "nobody was killed in it")


def first_timed_trial(run: RunResult, failed: Iterable[int] | None = None) -> int | None:
    """The first failed trial whose steps have their times, so that a time line can be drawn.

    ``failed`` are the numbers of those among which it is looked for, by default of all.
    """
    if "spans" not in run.table:
        return None
    if failed is None:
        trials = run.table.columns("trial", "outcome")
        failed = trials.loc[trials["outcome"] == "failed", "trial"]
    for trial in sorted(failed):
        timed = run.table.of_trial(trial, "spans")["spans"].notna().any()
        if timed and timeline_of(run, trial)["kind"].isin(OWN_KINDS).any():
            return int(trial)
    return None


def draw_timeline(run: RunResult, trial: int) -> Drawn:
    """One trial's time line.

    Raises:
        UsageError: there is no such trial, or it has no times.
    """
    return timeline_figure(timeline_of(run, trial))


def _draw_effects(runs: Runs) -> Drawn:
    levels = Design.from_json(runs[0].manifest["design"]).levels
    return plot_effects(class_effects(runs[0].trials_in_blocks, factors=levels, blocks=("block",)))


def _draw_differences(runs: Runs) -> Drawn:
    compared = compare_runs(*runs, force=True)
    return plot_differences(compared.table, names=compared.names)


def _draw_memory(runs: Runs) -> Drawn:
    samples = runs[0].seen_columns("samples", *SAMPLE_COLUMNS)
    return plot_memory(samples, deaths=deaths_in(runs[0]))


def _draw_lifecycles(runs: Runs) -> Drawn:
    lives = runs[0].table.columns(*LIFE_COLUMNS)
    return plot_lifecycles(lives, collections=collections_of(runs[0]))


def _draw_client_rates(runs: Runs) -> Drawn:
    trials = runs[0].trials
    whole = trials["submitted_at"].max() - trials["submitted_at"].min()
    minutes = max(1, round(whole.total_seconds() / 60 / _STRETCHES))
    return plot_client_rates(client_rates(trials, every=f"{minutes}min"))


FIGURE_KINDS: dict[str, FigureKind] = {
    "client_rates": FigureKind(
        lacks=_observed,
        draw=_draw_client_rates,
    ),
    "failure_rates": FigureKind(
        lacks=_anything,
        draw=lambda runs: plot_rates(pd.concat([run.rates for run in runs], ignore_index=True)),
    ),
    "differences": FigureKind(
        lacks=_two,
        draw=_draw_differences,
    ),
    "effects": FigureKind(
        lacks=_effects,
        draw=_draw_effects,
    ),
    "steps": FigureKind(
        lacks=_steps,
        draw=lambda runs: plot_steps(trials_of(runs, "profile", *STEP_COLUMNS)),
    ),
    "lifecycles": FigureKind(
        lacks=_lifecycles,
        draw=_draw_lifecycles,
    ),
    "survival": FigureKind(
        lacks=_survival,
        draw=lambda runs: plot_survival({run.label: survival_of(run) for run in runs}),
    ),
    "memory": FigureKind(
        lacks=_memory,
        draw=_draw_memory,
    ),
    "timeline": FigureKind(
        lacks=_timeline,
        draw=lambda runs: draw_timeline(runs[0], first_timed_trial(runs[0]) or 0),
    ),
    "arrivals": FigureKind(
        lacks=_arrivals,
        draw=lambda runs: _each(plot_arrivals, ((run.label, run.arrivals) for run in runs)),
    ),
    "occupancy": FigureKind(
        lacks=_arrivals,
        draw=lambda runs: _each(plot_occupancy, ((run.label, run.pool) for run in runs)),
    ),
    "latency": FigureKind(
        lacks=_arrivals,
        draw=lambda runs: _each(plot_start_latency, ((run.label, run.arrivals) for run in runs)),
    ),
    "kills": FigureKind(
        lacks=_kills,
        draw=lambda runs: plot_kills(kills(runs[0].trials)),
    ),
    "left_behind": FigureKind(
        lacks=_observed,
        draw=lambda runs: plot_left_behind(runs[0].seen["health"]),
    ),
}
"""By the names, and in the order, of ``FIGURE_NAMES``."""
