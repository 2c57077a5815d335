"""A worker's habits in a churn: what each does to the pool's history and to the arrivals."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest

from iluvatar_bench import RunResult, run_churn
from iluvatar_bench.errors import UsageError
from iluvatar_bench.plans import Arrival, ArrivalProcess, ChurnPlan, PooledFunction
from iluvatar_bench.records import ArrivalRecord
from tests.support.cache_books import cached
from tests.support.quick_profiles import quick

HELLO = PooledFunction("hello", "hello", 128)
FLOAT = PooledFunction("float_operation", "float_operation", 128)


def plan_of(
    functions: Sequence[PooledFunction],
    arrivals: Sequence[Arrival],
    *,
    budget_mib: int = 512,
    keep_alive_ms: int | None = None,
) -> ChurnPlan:
    timed = arrivals[0].at_ms is not None
    return ChurnPlan(
        kind="trace" if timed else "churn",
        arrivals=tuple(arrivals),
        functions=tuple(functions),
        budget_mib=budget_mib,
        keep_alive_ms=keep_alive_ms,
        seed=0,
        process=None if timed else ArrivalProcess(pattern="closed", clients=1),
    )


def one_client(*names: str) -> list[Arrival]:
    return [Arrival(n, name, None) for n, name in enumerate(names)]


async def churned(
    folder: Path,
    plan: ChurnPlan,
    *settings: str,
    on_arrival: Callable[[ArrivalRecord], None] | None = None,
) -> tuple[pd.DataFrame, list[str], RunResult]:
    """The arrivals, the pool's events in their order, and the run."""
    result = await run_churn(
        quick("guarded", settings), plan, results=folder, on_arrival=on_arrival, witness=False
    )
    assert result.arrivals is not None
    assert result.pool is not None
    assert list(result.arrivals["arrival"]) == list(range(len(plan.arrivals)))
    last = result.pool.iloc[-1]
    assert (last["busy"], last["idle"], last["leaving"], last["waiting"]) == (0, 0, 0, 0)
    assert result.leaked == {}
    return result.arrivals, list(result.pool["event"]), result


def kill_after(arrival: int) -> Callable[[ArrivalRecord], None]:
    """End the container of an arrival once that is served."""

    def kill(record: ArrivalRecord) -> None:
        if record.arrival == arrival:
            for procs in Path("/sys/fs/cgroup").glob(f"**/{record.container_id}/cgroup.procs"):
                for pid in procs.read_text().split():
                    os.kill(int(pid), signal.SIGKILL)
                return

    return kill


@pytest.mark.daemon
async def test_containers_started_ahead_paused_and_behind_sockets_serve_warm(
    tmp_path: Path,
) -> None:
    arrivals, events, result = await churned(
        tmp_path,
        plan_of([HELLO], [Arrival(n, "hello", 300.0 * n) for n in range(3)]),
        "prewarm=1",
        "keep_alive=paused",
        "transport=unix",
        "retry=1",
    )
    assert set(arrivals["outcome"]) == {"ok"}
    assert set(arrivals["start"]) == {"warm"}
    assert list(arrivals["attempts"]) == [1, 1, 1]
    assert arrivals["first_failure"].isna().all()
    assert events[:3] == ["prewarm", "launch", "release"]
    assert len(result.trials) == 1
    spans = result.trials["spans"].iloc[0]
    assert spans.count('"pause"') == spans.count('"resume"') >= 3
    assert '"network"' in spans
    collections = result.seen["collections"]
    assert list(collections.columns)[:3] == ["ended_at", "pause_ms", "removed_snapshots"]


@pytest.mark.daemon
@pytest.mark.slow
async def test_a_dead_container_is_given_requests_until_the_round_after_the_next(
    tmp_path: Path,
) -> None:
    arrivals, events, result = await churned(
        tmp_path,
        # One container at a time, ready before the first of them.
        plan_of([HELLO], [Arrival(n, "hello", 200.0 * n) for n in range(20)], budget_mib=128),
        "health=invoke",
        "prewarm=1",
        on_arrival=kill_after(2),
    )
    failed = arrivals[arrivals["outcome"] == "failed"]
    assert 1 <= len(failed) <= 12
    assert set(failed["mechanism"]) == {"stale_health"}
    assert set(failed["bug_class"]) == {"process_died"}
    assert failed["trial"].nunique() == 1
    assert events.count("unhealthy") == 1
    assert arrivals["outcome"].iloc[-1] == "ok"
    # The trial has the mechanism of the death itself.
    assert set(result.trials["mechanism"].dropna()) != {"stale_health"}


@pytest.mark.daemon
@pytest.mark.slow
async def test_a_retry_goes_to_another_container_and_hides_no_failure(tmp_path: Path) -> None:
    arrivals, events, _ = await churned(
        tmp_path,
        plan_of([HELLO], [Arrival(n, "hello", 200.0 * n) for n in range(15)], budget_mib=256),
        "health=invoke",
        "prewarm=1",
        "retry=1",
        on_arrival=kill_after(2),
    )
    assert set(arrivals["outcome"]) == {"ok"}
    hidden = arrivals[arrivals["first_failure"].notna()]
    assert len(hidden) == events.count("retry") >= 1
    assert set(hidden["first_failure"]) == {"process_died"}
    assert set(hidden["attempts"]) == {2}


@pytest.mark.daemon
@pytest.mark.slow
async def test_a_container_serves_several_at_a_time(tmp_path: Path) -> None:
    home = tmp_path / "sleepy"
    home.mkdir()
    (home / "main.py").write_text(
        "import time\n\n\ndef main(args):\n    time.sleep(0.5)\n    return {}\n"
    )
    arrivals, events, result = await churned(
        tmp_path / "results",
        plan_of(
            [PooledFunction("sleepy", str(home), 128)],
            [Arrival(n, "sleepy", 0.0) for n in range(4)],
            budget_mib=128,
        ),
        "invoke_parallel=3",
    )
    assert set(arrivals["outcome"]) == {"ok"}
    assert len(result.trials) == 1
    ready, first_release = events.index("ready"), events.index("release")
    assert events[ready + 1 : first_release] == ["serve", "serve"]


@pytest.mark.daemon
@pytest.mark.slow
async def test_ttl_evicts_nobody(tmp_path: Path) -> None:
    plan = plan_of(
        [HELLO, FLOAT],
        one_client("hello", "float_operation", "hello"),
        budget_mib=128,
        keep_alive_ms=300,
    )
    arrivals, events, _ = await churned(tmp_path, plan, "eviction=ttl")
    assert set(arrivals["outcome"]) == {"ok"}
    assert events.count("evict") == 0
    assert events.count("expire") >= 2


@pytest.mark.daemon
@pytest.mark.slow
@pytest.mark.parametrize("policy", ["lru", "largest", "greedy_dual"])
async def test_three_hundred_arrivals_are_served_as_a_cache_would(
    tmp_path: Path, policy: str
) -> None:
    """One client, so that nothing depends on time; four functions of which two or three fit."""
    memory = {"hello": 128, "float_operation": 256, "chameleon": 384, "again": 512}
    sources = {**{name: name for name in memory}, "again": "hello"}
    functions = [PooledFunction(name, sources[name], mib) for name, mib in memory.items()]
    wanted = random.Random(11).choices(list(memory), weights=(5, 3, 2, 2), k=300)
    plan = plan_of(functions, one_client(*wanted), budget_mib=768)
    arrivals, _, result = await churned(tmp_path, plan, f"eviction={policy}")
    assert set(arrivals["outcome"]) == set(result.trials["outcome"]) == {"ok"}
    function = result.trials.set_index("trial")["function"]
    assert result.pool is not None
    happened = [
        (row["event"], function[row["container"]])
        for _, row in result.pool.iterrows()
        if row["event"] in ("launch", "serve", "evict")
    ]
    assert happened == cached(policy, wanted, memory=memory, budget=768)


async def test_ttl_without_a_time_is_refused_before_anything_starts(tmp_path: Path) -> None:
    plan = plan_of([HELLO], one_client("hello"))
    with pytest.raises(UsageError, match=r"eviction=ttl .* say how long"):
        await run_churn(quick("guarded", ["eviction=ttl"]), plan, results=tmp_path)
    assert list(tmp_path.iterdir()) == []
