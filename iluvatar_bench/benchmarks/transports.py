"""What a function behind a unix socket saves: ``python -m iluvatar_bench.benchmarks.transports``.

Containers of two profiles that differ in ``transport`` alone, in turns on one private containerd:
the first invocation of each, and those after it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from iluvatar_bench.plans import PlannedTrial
from iluvatar_bench.profiles import Profile, resolve_profile
from iluvatar_bench.records import Trial
from iluvatar_bench.runs.runner import run_trials
from iluvatar_bench.runs.store import RunFolder
from iluvatar_bench.runs.testbed import TestbedSettings, open_testbed

_BOOTSTRAPS = 2000


def transport_profiles() -> tuple[Profile, ...]:
    """The guarded profile over tcp and over a unix socket, on images with byte code."""
    return tuple(
        resolve_profile("guarded", ["byte_code=shipped", f"transport={level}"])
        for level in ("tcp", "unix")
    )


async def invocation_times(*, containers: int, invocations: int) -> pd.DataFrame:
    """Invoke ``containers`` of each transport, one container at a time, in turns.

    Returns:
        One row an invocation: transport, trial, ``cold`` (its container's first), and
        ``duration_ms`` from before the connection is made to the end of the answer.

    Raises:
        EnvironmentProblem: there can be no containers here.
    """
    profiles = transport_profiles()
    rows: list[dict[str, object]] = []

    def note(trial: Trial) -> None:
        for invocation in trial.invocations:
            rows.append(
                {
                    "transport": trial.factors["transport"],
                    "trial": trial.trial,
                    "cold": invocation["first"],
                    "duration_ms": invocation["duration_ms"],
                }
            )

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
    """A row for each transport and kind of start: count, median and its 95 % bootstrap interval.

    Containers are drawn anew, with all of their invocations: those of one are not independent.
    """
    rows = []
    for (cold, transport), part in times.groupby(["cold", "transport"], sort=False):
        by_trial = part.groupby("trial")["duration_ms"].median()
        drawn = [
            by_trial.sample(frac=1, replace=True, random_state=seed).median()
            for seed in range(_BOOTSTRAPS)
        ]
        low, high = pd.Series(drawn).quantile([0.025, 0.975])
        rows.append(
            {
                "start": "cold" if cold else "warm",
                "transport": transport,
                "containers": len(by_trial),
                "invocations": len(part),
                "median_ms": by_trial.median(),
                "low_ms": low,
                "high_ms": high,
            }
        )
    return pd.DataFrame(rows)


def print_transport_benchmark(
    containers: Annotated[int, typer.Option(min=2, max=500, help="Of each transport.")] = 30,
    invocations: Annotated[int, typer.Option(min=2, max=100, help="Of each container.")] = 10,
) -> None:
    """Print what cold and warm invocations take over tcp and over a unix socket."""
    times = asyncio.run(invocation_times(containers=containers, invocations=invocations))
    table = transport_table(times).to_string(index=False, float_format="{:.2f}".format)
    load = os.getloadavg()[0]
    sys.stdout.write(f"{table}\nload {load:.1f} on {os.cpu_count()} processors\n")


if __name__ == "__main__":
    typer.run(print_transport_benchmark)
