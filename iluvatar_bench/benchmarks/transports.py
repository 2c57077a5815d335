"""What a function behind a unix socket saves: ``python -m iluvatar_bench.benchmarks.transports``.

Containers of two profiles that differ in ``transport`` alone, in turns on one private containerd:
how long each takes from its submission to its first answer, its first invocation alone, and those
after it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

from iluvatar_bench.plans import PlannedTrial
from iluvatar_bench.profiles import Profile, resolve_profile
from iluvatar_bench.records import Outcome, Trial
from iluvatar_bench.runs.runner import run_trials
from iluvatar_bench.runs.store import RunFolder
from iluvatar_bench.runs.testbed import TestbedSettings, open_testbed

_BOOTSTRAPS = 2000
_SEED = 1

COLD_START, FIRST, WARM = STARTS = (
    "cold start, submission to first answer",
    "first invocation alone",
    "warm invocation",
)
TCP, UNIX = TRANSPORTS = ("tcp", "unix")
DIFFERENCE = "tcp less unix"


def transport_profiles() -> tuple[Profile, ...]:
    """The guarded profile over tcp and over a unix socket, on images with byte code."""
    return tuple(
        resolve_profile("guarded", ["byte_code=shipped", f"transport={level}"])
        for level in TRANSPORTS
    )


async def invocation_times(*, containers: int, invocations: int) -> pd.DataFrame:
    """Invoke ``containers`` of each transport, one container at a time, in turns.

    Returns:
        One row a time: ``start`` (one of :data:`STARTS`), ``transport``, ``pair`` (one container of
        each transport, one after the other) and ``duration_ms``. An invocation's is from before
        the connection is made to the end of the answer. Trials that failed are left out.

    Raises:
        EnvironmentProblem: there can be no containers here.
    """
    profiles = transport_profiles()
    rows: list[dict[str, object]] = []

    def note(trial: Trial) -> None:
        if trial.outcome is not Outcome.OK:
            return
        answered = min(span.ended_ms for span in trial.spans if span.name == "invoke")
        times = [(COLD_START, answered)]
        times += [
            (FIRST if invocation["first"] else WARM, invocation["duration_ms"])
            for invocation in trial.invocations
        ]
        shared = {"transport": trial.factors["transport"], "pair": trial.trial // 2}
        rows.extend({"start": what, "duration_ms": took, **shared} for what, took in times)

    with tempfile.TemporaryDirectory(prefix="iluvatar-bench-") as name:
        settings = TestbedSettings(profiles=profiles, sample_seconds=0, witness=False)
        async with open_testbed(settings, RunFolder(Path(name))) as testbed:
            planned = [
                (
                    testbed.setting(profile, "hello"),
                    PlannedTrial(2 * number + side, "hello", hold_ms=0, invocations=invocations),
                )
                for number in range(containers)
                for side, profile in enumerate(profiles)
            ]
            await run_trials(planned, concurrency=1, sinks=(note,))
    return pd.DataFrame(rows)


def transport_table(times: pd.DataFrame) -> pd.DataFrame:
    """A row for each start and transport, and one for the difference: medians over containers.

    Pairs are drawn anew for the 95 % bootstrap interval, with all of their invocations: those of
    one container are not independent, and neighbours in time share the host's load. A container
    counts by the median of its own, a pair that is not whole not at all.

    Returns:
        ``start``, ``transport`` (or :data:`DIFFERENCE`), ``pairs``, and in milliseconds
        ``median_ms``, ``low_ms``, ``high_ms``.
    """
    by_pair = times.groupby(["start", "pair", "transport"])["duration_ms"].median().unstack()
    source = np.random.default_rng(_SEED)
    rows = []
    for start in STARTS:
        whole = by_pair.loc[start].dropna()
        whole[DIFFERENCE] = whole[TCP] - whole[UNIX]
        drawn = source.integers(len(whole), size=(_BOOTSTRAPS, len(whole)))
        for column in (*TRANSPORTS, DIFFERENCE):
            values = whole[column].to_numpy()
            low, high = np.quantile(np.median(values[drawn], axis=1), [0.025, 0.975])
            rows.append((start, column, len(whole), float(np.median(values)), low, high))
    return pd.DataFrame(
        rows, columns=["start", "transport", "pairs", "median_ms", "low_ms", "high_ms"]
    )


def print_transport_benchmark(
    containers: Annotated[int, typer.Option(min=2, max=500, help="Of each transport.")] = 30,
    invocations: Annotated[int, typer.Option(min=2, max=100, help="Of each container.")] = 10,
) -> None:
    """Print what cold starts and warm invocations take over tcp and over a unix socket."""
    times = asyncio.run(invocation_times(containers=containers, invocations=invocations))
    table = transport_table(times).to_string(index=False, float_format="{:.2f}".format)
    load = os.getloadavg()[0]
    sys.stdout.write(f"{table}\nload {load:.1f} on {os.cpu_count()} processors\n")


if __name__ == "__main__":
    typer.run(print_transport_benchmark)
