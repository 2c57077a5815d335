"""What to call runs beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from iluvatar_bench.records.run_result import RunResult


def told_apart(runs: Sequence[RunResult]) -> list[RunResult]:
    """The runs with names that differ, in their trials and rates too.

    A run is called by its profile. Runs of several workloads have theirs behind it, and runs that
    would be called the same are called by their ids.
    """
    several = len({run.workload for run in runs}) > 1
    labels = [
        f"{run.label}, {run.workload}" if several and run.label != run.workload else run.label
        for run in runs
    ]
    ids = [
        _with_id(run) if labels.count(one) > 1 else one
        for run, one in zip(runs, labels, strict=True)
    ]
    names = [
        f"{name} ({position})" if ids.count(name) > 1 else name
        for position, name in enumerate(ids, start=1)
    ]
    return [_called(run, name) for run, name in zip(runs, names, strict=True)]


def _with_id(run: RunResult) -> str:
    """The run's id; most begin with the profile's name, the others have it before them."""
    run_id = str(run.manifest["run_id"])
    return run_id if run_id.startswith(run.label) else f"{run.label} ({run_id})"


def _called(run: RunResult, name: str) -> RunResult:
    if name == run.label:
        return run
    return replace(
        run,
        manifest={**run.manifest, "profile": {**run.manifest["profile"], "name": name}},
        table=run.table.called(name),
        rates=run.rates.assign(profile=name),
    )
