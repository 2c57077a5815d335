"""What each of a worker's habits costs and saves: the same churns with and without it, in turn.

A round is one plan of arrivals, served once by the profile as it is and once with each habit, in a
shuffled order: whatever else the host does falls on all of them. The round is the unit: of each
habit its differences to the profile without it have a mean and a t interval.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from iluvatar_bench.errors import UsageError
from iluvatar_bench.lifecycle.container import STARTUP_SECONDS
from iluvatar_bench.plans import ArrivalProcess, ChurnPlan, PooledFunction, churn
from iluvatar_bench.profiles import Profile, resolve_profile
from iluvatar_bench.records import ArrivalRecord
from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.runs.churn import run_churn
from iluvatar_bench.runs.runner import Stop
from iluvatar_bench.stats import rate
from iluvatar_bench.studies.observe_cost import mean_difference

AS_IT_IS = "none"
"""What a round without any habit is called."""

HABITS = (
    "keep_alive=paused",
    "stop=term_then_kill",
    "creation_limit=1",
    "transport=unix",
    "invoke_parallel=3",
    "health=invoke",
    "eviction=ttl",
    "eviction=greedy_dual",
    "eviction=largest",
    "prewarm=1",
    "retry=1",
    "restart=running",
)

HABIT_COLUMNS = (
    *("habit", "round", "run_id", "arrivals", "not_ok", "cold", "seconds"),
    *("latency_ms", "late_latency_ms", "memory_mib"),
)

EFFECT_COLUMNS = (
    *("habit", "rounds", "arrivals", "not_ok", "not_ok_low", "not_ok_high", "cold_share"),
    *("latency_ms", "latency_low", "latency_high"),
    *("late_latency_ms", "late_latency_low", "late_latency_high"),
    *("memory_mib", "memory_low", "memory_high"),
)

_FUNCTIONS = tuple(
    PooledFunction(name, "hello", memory_mib)
    for name, memory_mib in (("small", 128), ("second", 128), ("large", 256), ("largest", 256))
)
_BUDGET_MIB = 512
"""Two or three of the four fit: there is something to evict."""

_CLIENTS = 3
_KEEP_ALIVE_MS = 1000
_SAMPLE_SECONDS = 0.2
_LATE = 0.95


def habit_plan(*, arrivals: int, seed: int) -> ChurnPlan:
    """A round's arrivals: three clients, each with its next request once it has its answer."""
    return churn(
        arrivals=arrivals,
        functions=_FUNCTIONS,
        budget_mib=_BUDGET_MIB,
        seed=seed,
        process=ArrivalProcess(pattern="closed", clients=_CLIENTS),
        keep_alive_ms=_KEEP_ALIVE_MS,
    )


def habit_profiles(habits: Sequence[str], profile: str) -> dict[str, Profile]:
    """The profile as it is, and with each habit (``factor=level``), by the habit's name.

    Raises:
        UsageError: a habit is given twice, or is no factor and level.
    """
    if len(set(habits)) < len(habits):
        raise UsageError("a habit is given twice")
    base = resolve_profile(profile, ["byte_code=shipped"])
    with_each = {habit: resolve_profile(profile, ["byte_code=shipped", habit]) for habit in habits}
    same = [habit for habit, one in with_each.items() if one.fingerprint == base.fingerprint]
    if same:
        raise UsageError(f"{same[0]} is what the profile {profile} does already")
    return {AS_IT_IS: base, **with_each}


async def run_habits(
    habits: Sequence[str] = HABITS,
    *,
    profile: str = "guarded",
    rounds: int = 4,
    arrivals: int = 40,
    seed: int = 1,
    results: Path,
    ready_seconds: float = STARTUP_SECONDS,
    on_arrival: Callable[[ArrivalRecord], None] | None = None,
    stop: Stop | None = None,
) -> pd.DataFrame:
    """Run every round; a row a run, with the columns :data:`HABIT_COLUMNS`.

    After ``stop`` is set nothing more is begun, and a round that is not whole is left out.

    Raises:
        UsageError: a name or number is wrong; nothing was started.
        EnvironmentProblem: the host lacks something.
    """
    if rounds < 2:
        raise UsageError(f"rounds must be 2 or more, or there is no interval; not {rounds}")
    profiles = habit_profiles(habits, profile)
    chance = random.Random(seed)
    rows: list[dict[str, object]] = []
    for number in range(rounds):
        plan = habit_plan(arrivals=arrivals, seed=seed + number)
        of_round = []
        for habit in chance.sample(list(profiles), len(profiles)):
            if stop is not None and stop.is_set():
                break
            result = await run_churn(
                profiles[habit],
                plan,
                results=results,
                ready_seconds=ready_seconds,
                sample_seconds=_SAMPLE_SECONDS,
                on_arrival=on_arrival,
                stop=stop,
            )
            of_round.append({"habit": habit, "round": number, **_measured(result)})
        if len(of_round) < len(profiles) or (stop is not None and stop.is_set()):
            break
        rows += sorted(of_round, key=lambda row: list(profiles).index(str(row["habit"])))
    return pd.DataFrame(rows, columns=list(HABIT_COLUMNS))


def _measured(result: RunResult) -> dict[str, object]:
    arrivals, pool = result.arrivals, result.pool
    assert arrivals is not None
    assert pool is not None
    served = arrivals[arrivals["outcome"] == "ok"]
    samples = result.seen["samples"]
    all_of_it = samples.loc[samples["container_id"].isna(), "rss_bytes"].astype("float64")
    return {
        "run_id": result.manifest["run_id"],
        "arrivals": len(arrivals),
        "not_ok": len(arrivals) - len(served),
        "cold": int((arrivals["start"] == "cold").sum()),
        "seconds": float(pool["at_ms"].max()) / 1000,
        "latency_ms": float(served["latency_ms"].median()),
        "late_latency_ms": float(served["latency_ms"].quantile(_LATE)),
        "memory_mib": float(all_of_it.mean()) / (1 << 20),
    }


def habit_effects(runs: pd.DataFrame) -> pd.DataFrame:
    """What each habit did: a row a habit, with the columns :data:`EFFECT_COLUMNS`.

    ``runs`` are those of :func:`run_habits`. ``not_ok`` is the share of all arrivals, with its
    Wilson interval; the others are differences to the same round as it is: of the median and of the
    95th percentile of the latency of those that were served (milliseconds), and of the pool's mean
    resident memory (MiB), with 95 % t intervals over the rounds. Of ``none`` they are the figures
    themselves, without one.

    Raises:
        ValueError: fewer than two rounds, or a round without the profile as it is.
    """
    plain = runs[runs["habit"] == AS_IT_IS].set_index("round")
    if len(plain) < 2 or set(runs["round"]) != set(plain.index):
        raise ValueError("two rounds or more are needed, each with the profile as it is")
    rows = []
    for habit, own in runs.groupby("habit", sort=False):
        counted = rate(int(own["not_ok"].sum()), int(own["arrivals"].sum()))
        row: dict[str, object] = {
            "habit": habit,
            "rounds": len(own),
            "arrivals": counted.total,
            "not_ok": counted.estimate,
            "not_ok_low": counted.low,
            "not_ok_high": counted.high,
            "cold_share": own["cold"].sum() / counted.total,
        }
        for column, name in (
            ("latency_ms", "latency"),
            ("late_latency_ms", "late_latency"),
            ("memory_mib", "memory"),
        ):
            values = own.set_index("round")[column]
            if habit == AS_IT_IS:
                row |= {column: values.mean(), f"{name}_low": np.nan, f"{name}_high": np.nan}
                continue
            found = mean_difference((values - plain[column]).to_numpy(dtype=float))
            row |= {column: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}
        rows.append(row)
    return pd.DataFrame(rows, columns=list(EFFECT_COLUMNS))
