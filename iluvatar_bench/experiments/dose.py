"""Dose and response: the failure rate over one quantity, beside a simple model.

The model. An unreferenced snapshot is in danger from its making until its container is ready (or,
for a mount error, until the mount). Collections that come at random, on average every ``interval``,
hit a window of length w with probability 1 - exp(-w / interval).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from iluvatar_bench.bugs import Mechanism
from iluvatar_bench.errors import UsageError
from iluvatar_bench.experiments.cold_start import run_cold_start
from iluvatar_bench.experiments.result import RunResult
from iluvatar_bench.experiments.runner import Stop
from iluvatar_bench.lifecycle import Profile
from iluvatar_bench.lifecycle.profile import change_profile
from iluvatar_bench.records import Trial
from iluvatar_bench.stats import rate

QUANTITIES = ("start_delay_ms", "concurrency", "pause_threshold")
"""What can be dosed: a factor of the profile, the load, a setting of containerd's collector."""

WINDOW_STEPS = ("task_create_ms", "start_ms", "ready_ms")
"""The steps between Prepare and ready: while they last, an unreferenced snapshot is in danger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseResponse:
    """One run a dose. ``table`` has the columns that ``report.plot_dose_response`` draws.

    ``failures`` counts the trials whose snapshot was proven to be collected, of any class.
    """

    quantity: str
    runs: tuple[RunResult, ...]
    table: pd.DataFrame


async def run_doses(
    profile: Profile,
    *,
    quantity: str,
    doses: Sequence[float],
    trials: int,
    seed: int,
    results: Path,
    concurrency: int = 4,
    ready_seconds: float = 60.0,
    on_trial: Callable[[Trial], None] | None = None,
    stop: Stop | None = None,
) -> DoseResponse:
    """Cold-start ``trials`` containers at each dose, one run after the other.

    After ``stop`` is set the run under way ends early and no further dose begins.

    Raises:
        UsageError: an unknown quantity, no dose, or one out of its range; nothing was started.
        EnvironmentProblem: the host lacks something.
    """
    if quantity not in QUANTITIES:
        raise UsageError(f"no quantity {quantity!r}; there are: {', '.join(QUANTITIES)}")
    if not doses:
        raise UsageError("name at least one dose")
    settings = [_at(profile, quantity, dose, concurrency) for dose in doses]
    runs: list[RunResult] = []
    for chosen, load, threshold in settings:
        if stop is not None and stop.is_set():
            break
        runs.append(
            await run_cold_start(
                chosen,
                trials=trials,
                concurrency=load,
                seed=seed,
                results=results,
                pause_threshold=threshold,
                ready_seconds=ready_seconds,
                on_trial=on_trial,
                stop=stop,
            )
        )
    frames = {dose: run.trials for dose, run in zip(doses, runs, strict=False)}
    return DoseResponse(quantity=quantity, runs=tuple(runs), table=dose_table(frames))


def _at(
    profile: Profile, quantity: str, dose: float, concurrency: int
) -> tuple[Profile, int, float | None]:
    """Profile, load and pause threshold at one dose."""
    if quantity == "pause_threshold":
        if not 0 < dose <= 0.5:
            raise UsageError(f"pause_threshold must lie above 0 and up to 0.5, not {dose:g}")
        named = change_profile(profile, {}, name=f"{profile.name} pause_threshold={dose:g}")
        return named, concurrency, dose
    if dose != int(dose):
        raise UsageError(f"{quantity} takes whole numbers, not {dose:g}")
    name = f"{profile.name} {quantity}={dose:g}"
    if quantity == "concurrency":
        if dose < 1:
            raise UsageError(f"concurrency must be at least 1, not {dose:g}")
        return change_profile(profile, {}, name=name), int(dose), None
    return change_profile(profile, {quantity: int(dose)}, name=name), concurrency, None


def dose_table(trials: dict[float, pd.DataFrame]) -> pd.DataFrame:
    """One row a dose: ``dose``, ``failures``, ``trials``, ``low``, ``high``, ``window_ms``.

    Args:
        trials: dose to trials, one row a trial as in ``records.Trial.as_row``. Failures are those
            with the mechanism ``snapshot_collected``; the interval is Wilson's at 95 %.
            ``window_ms`` is the median time between Prepare and ready, the delay before Start
            included; NaN where nothing became ready.
    """
    rows = []
    for dose, frame in trials.items():
        failures = int((frame["mechanism"] == str(Mechanism.SNAPSHOT_COLLECTED)).sum())
        value = rate(failures, len(frame))
        window = frame[list(WINDOW_STEPS)].sum(axis=1, skipna=False) + frame["start_delay_ms"]
        rows.append(
            {
                "dose": dose,
                "failures": failures,
                "trials": len(frame),
                "low": value.low,
                "high": value.high,
                "window_ms": float(window.median()),
            }
        )
    columns = ["dose", "failures", "trials", "low", "high", "window_ms"]
    return pd.DataFrame(rows, columns=columns)


def collection_rate(window_ms: float, interval_ms: float) -> float:
    """The model: the probability that a collection falls into the window.

    Raises:
        ValueError: a negative window, or an interval that is not above 0.
    """
    if window_ms < 0 or not interval_ms > 0:
        raise ValueError(f"no such window and interval: {window_ms} ms, {interval_ms} ms")
    return -math.expm1(-window_ms / interval_ms)


def scheduled_interval_ms(pause_threshold: float, *, pause_ms: float) -> float:
    """The time between two collections that containerd's scheduler aims at.

    Collections may take the share ``pause_threshold`` of the time, so after one of ``pause_ms`` it
    waits ``pause_ms (1 / threshold - 1)`` (containerd 1.6, gc/scheduler). That is the least: it
    collects only if something was deleted meanwhile, or 100 changes were made.

    Raises:
        ValueError: a threshold outside (0, 1), or a pause that is not above 0.
    """
    if not 0 < pause_threshold < 1 or not pause_ms > 0:
        raise ValueError(f"no such threshold and pause: {pause_threshold}, {pause_ms} ms")
    return pause_ms * (1 / pause_threshold - 1)


def with_model(
    table: pd.DataFrame, interval_ms: Callable[[float], float], *, window_ms: float | None = None
) -> pd.DataFrame:
    """The table with a column ``model``: the rate that the model gives at each dose.

    ``interval_ms`` is the time between collections at a dose; ``window_ms`` stands in for doses
    at which nothing became ready, and for all doses if the table has none.
    """
    spare = table["window_ms"].median() if window_ms is None else window_ms
    windows = table["window_ms"].fillna(spare)
    model = [
        collection_rate(window, interval_ms(dose))
        for window, dose in zip(windows, table["dose"], strict=True)
    ]
    return table.assign(model=model)
