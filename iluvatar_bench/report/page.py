"""One self-contained HTML page about runs: the verdict first, then what it rests on.

A template of our own instead of nbconvert's: that one drops the figures' descriptions, shows
cells, and loads scripts from the network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd

from iluvatar_bench.bugs.class_guide import CLASS_GUIDES
from iluvatar_bench.records import STEP_COLUMNS
from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.report.arrival_parts import arrival_parts
from iluvatar_bench.report.figure_data import SAMPLE_COLUMNS, deaths_in, survival_of, trials_of
from iluvatar_bench.report.figure_kinds import (
    FEWEST_ROUNDS,
    draw_timeline,
    first_timed_trial,
)
from iluvatar_bench.report.figures import (
    plot_differences,
    plot_lifecycles,
    plot_memory,
    plot_rates,
    plot_steps,
    plot_survival,
)
from iluvatar_bench.report.figures.lifecycles import LIFE_COLUMNS, lifecycles_end_s
from iluvatar_bench.report.page_frame import render_page
from iluvatar_bench.report.page_parts import (
    Links,
    Part,
    Section,
    Table,
    Text,
    figure_part,
    table_part,
)
from iluvatar_bench.report.provenance import provenance_parts, residue_parts
from iluvatar_bench.report.run_labels import told_apart
from iluvatar_bench.report.tables import (
    comparison_table,
    difference_table,
    failure_examples,
    first_failures,
    step_latency_table,
)
from iluvatar_bench.stats import RunComparison, compare_runs, step_latencies

_READING = (
    "A cell: count/trials, rate in percent and its 95 % Wilson interval; for none, the highest "
    "rate that the trials leave plausible (one-sided, 95 %). A trial has one class: a container "
    "that cannot be mounted cannot be killed later, so the classes mask each other. A workload "
    "made to show causes: compare the runs, and do not read the rates as those of a worker in the "
    "field."
)


_MOST_FAILURES = 4
"""Failures of a run that are shown in full: the four classes of 2022 fit."""


def report_page(
    runs: Sequence[RunResult], *, title: str = "", links: Mapping[str, str] | None = None
) -> str:
    """The page as text; whatever came from a container or a log is shown as text.

    Args:
        runs: one run or more; each is compared with the first of its workload, whatever its host.
        title: default: the names of the runs.
        links: label to address, relative to where the page will be.

    Raises:
        ValueError: no run was given.
        UsageError: a run of arrivals has no history of its pool, or no run holds a trial. One that
            holds none beside others that do has a note.
    """
    if not runs:
        raise ValueError("a report needs a run")
    without = [run for run in runs if not len(run.table)]
    if len(without) == len(runs):
        runs[0].require_trials()
    runs = told_apart([run for run in runs if len(run.table)])
    firsts: dict[str, RunResult] = {}
    comparisons = [
        compare_runs(first, run, force=True)
        for run in runs
        if (first := firsts.setdefault(run.workload, run)) is not run
    ]
    sections = [
        Section("Failure rates", _rates(runs, comparisons)),
        Section("Arrivals", arrival_parts(runs)),
        Section("What the failures say", _examples(runs)),
        Section("Latencies by step", _latencies(runs)),
        Section("Timelines", _timelines(runs)),
        Section("Failures in full", _failures(runs)),
        Section("Memory", _memory(runs)),
        Section("Residue", residue_parts(runs)),
        Section("Provenance", provenance_parts(runs)),
        Section("Files", [Links(links)] if links else []),
    ]
    verdicts = {str(comparison.verdict) for comparison in comparisons}
    return render_page(
        title=title or f"Container failures: {', '.join(run.label for run in runs)}",
        verdict=[*(f"{c.sentence}." for c in comparisons), *map(_counted, runs)],
        verdict_class=verdicts.pop() if len(verdicts) == 1 else "",
        notes=[*(f"{run.label}: {run.caveat}" for run in without), *_notes(runs, comparisons)],
        sections=sections,
    )


def _counted(run: RunResult) -> str:
    ended = run.table.columns("outcome", "bug_class")
    counts, classes = ended["outcome"].value_counts(), ended["bug_class"].value_counts()
    found = ", ".join(f"{count} {name}" for name, count in classes.items())
    lost = counts.get("unknown", 0)
    return (
        f"{run.label}: {counts.get('ok', 0)} of {len(run.table)} trials without failure"
        f"{f', {lost} unknown' if lost else ''}{f'; failed: {found}' if found else ''}."
    )


def _notes(runs: Sequence[RunResult], comparisons: Sequence[RunComparison]) -> list[str]:
    told = [f"{run.label}: {remark}" for run in runs for remark in run.remarks]
    for comparison in comparisons:
        told += [*comparison.mismatches, *comparison.remarks]
    return list(dict.fromkeys(told))


def _rates(runs: Sequence[RunResult], comparisons: Sequence[RunComparison]) -> list[Part]:
    rates = pd.concat([run.rates for run in runs], ignore_index=True)
    parts: list[Part] = [table_part(comparison_table(rates)), Text(_READING)]
    parts.append(figure_part(partial(plot_rates, rates)))
    for comparison in comparisons:
        baseline, candidate = names = comparison.names
        parts.append(Text(f"{candidate} against {baseline}", "heading"))
        parts.append(table_part(difference_table(comparison.table, names=names)))
        parts.append(
            Text(
                "Two runs at two times are described, not judged: rates swing between runs, and "
                "one event takes several containers. Intervals are widened by the events that were "
                "counted; what they leave out is not a verdict."
            )
        )
        parts.append(figure_part(partial(plot_differences, comparison.table, names=names)))
    return parts


def _examples(runs: Sequence[RunResult]) -> list[Part]:
    each = pd.concat([failure_examples(first_failures(run.table)) for run in runs])
    examples = each.drop_duplicates("bug_class", ignore_index=True)
    if examples.empty:
        return [Text("Nothing failed.")]
    return [
        Text("The first failure of each class, and what proves its cause."),
        table_part(examples),
        Text(
            "What these classes are, and what mends them (iluvatar-bench classes NAME says more)."
        ),
        _meanings(runs),
    ]


def _meanings(runs: Sequence[RunResult]) -> Table:
    rates = pd.concat([run.rates for run in runs])
    came = set(rates.loc[(rates["kind"] == "bug_class") & (rates["count"] > 0), "bug_class"])
    guides = [(str(name), guide) for name, guide in CLASS_GUIDES.items() if str(name) in came]
    return Table(
        header=("bug class", "what one sees", "likely causes", "what mends it"),
        rows=tuple((name, guide.meaning, guide.causes, guide.fix) for name, guide in guides),
    )


def _latencies(runs: Sequence[RunResult]) -> list[Part]:
    trials = trials_of(runs, "profile", *STEP_COLUMNS)
    steps = [name for name in STEP_COLUMNS if name in trials and trials[name].notna().any()]
    if not steps:
        return []
    quantiles = step_latencies(trials, steps=steps)
    return [
        figure_part(partial(plot_steps, trials)),
        table_part(step_latency_table(quantiles)),
        Text(
            "Milliseconds, with 95 % bootstrap intervals; “…” where so few trials cannot bound the "
            "quantile. Only of the trials that reached the step."
        ),
    ]


def _timelines(runs: Sequence[RunResult]) -> list[Part]:
    parts: list[Part] = [
        Text(
            "One line a container. An empty part of a line is a step that failed, or the work "
            "between steps. Beyond 60 containers only the first are shown."
        )
    ]
    # The same axis for all, or a reader compares lengths that mean nothing.
    until_s = max(lifecycles_end_s(run.table.columns(*LIFE_COLUMNS)) for run in runs)
    for run in runs:
        lives = run.table.columns(*LIFE_COLUMNS)
        if lives["total_ms"].notna().any():
            draw = partial(plot_lifecycles, lives, until_s=until_s)
            parts += [Text(run.label, "heading"), figure_part(draw)]
    curves = {run.label: survival_of(run) for run in runs}
    if any(curve.total for curve in curves.values()):
        parts.append(Text("How long ready containers lived", "heading"))
        parts.append(figure_part(partial(plot_survival, curves)))
    return parts if len(parts) > 1 else []


def _failures(runs: Sequence[RunResult]) -> list[Part]:
    """The first failure of each class, in the runs that kept the times of their steps."""
    parts: list[Part] = []
    for run in runs:
        trials = run.table.columns("trial", "outcome", "bug_class", "mechanism")
        failed = trials[trials["outcome"] == "failed"].sort_values("trial")
        for name in failed["bug_class"].drop_duplicates().head(_MOST_FAILURES):
            trial = first_timed_trial(run, failed.loc[failed["bug_class"] == name, "trial"])
            if trial is not None:
                mechanism = failed.set_index("trial")["mechanism"][trial]
                title = f"{run.label}, trial {trial}: {name}, {mechanism}"
                parts += [Text(title, "heading"), figure_part(partial(draw_timeline, run, trial))]
    if not parts:
        return []
    return [
        Text(
            f"The first failure of each class, of at most {_MOST_FAILURES} in a run; a hatched "
            "step failed."
        ),
        *parts,
    ]


def _memory(runs: Sequence[RunResult]) -> list[Part]:
    each = [(run, run.seen_columns("samples", *SAMPLE_COLUMNS)) for run in runs]
    shown = [
        (run, samples)
        for run, samples in each
        if not samples.empty and samples["round"].nunique() >= FEWEST_ROUNDS
    ]
    # The same axis for all, as for the lifecycles.
    until_s = max((_sampled_s(samples) for _, samples in shown), default=0.0)
    parts: list[Part] = []
    for run, samples in shown:
        draw = partial(plot_memory, samples, deaths=deaths_in(run), until_s=until_s)
        parts += [Text(run.label, "heading"), figure_part(draw)]
    return parts


def _sampled_s(samples: pd.DataFrame) -> float:
    """From the first sample of memory to the last, seconds."""
    times = samples["sampled_at"]
    return float((times.max() - times.min()).total_seconds())
