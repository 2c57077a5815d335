"""A worker's habits in a churn: what each does to the pool's history and to the arrivals."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest

from iluvatar_bench import RunResult, run_churn
from iluvatar_bench.errors import UsageError
from iluvatar_bench.plans import Arrival, ArrivalProcess, ChurnPlan, PooledFunction
from iluvatar_bench.records import ArrivalRecord
from tests.support.cache_books import cached, kept_for_its_time
from tests.support.deaths import kill_processes_of
from tests.support.outcomes import not_ok
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
            assert record.container_id is not None
            kill_processes_of(record.container_id)

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


MEMORY = {"hello": 128, "float_operation": 256, "chameleon": 384, "again": 512}
"""Two or three of these four fit into the budget."""

SOURCES = {**{name: name for name in MEMORY}, "again": "hello"}
WANTED = random.Random(11).choices(list(MEMORY), weights=(5, 3, 2, 2), k=300)
MOSTLY_LARGE = random.Random(11).choices(list(MEMORY), weights=(1, 3, 2, 8), k=300)
"""What is used most takes most memory: uses and memory then disagree on who is to go."""
WANTED_UNDER = {"lru": WANTED, "largest": MOSTLY_LARGE, "greedy_dual": MOSTLY_LARGE}
KEEP_MS = 250


def three_hundred(wanted: Sequence[str] = WANTED, *, keep_alive_ms: int | None = None) -> ChurnPlan:
    """One client, so that nothing depends on time but what is kept for one."""
    functions = [PooledFunction(name, SOURCES[name], mib) for name, mib in MEMORY.items()]
    return plan_of(functions, one_client(*wanted), budget_mib=768, keep_alive_ms=keep_alive_ms)


def account(
    arrivals: pd.DataFrame, result: RunResult, record: Callable[[str, object], None]
) -> pd.DataFrame:
    """The pool's history; every arrival and container is accounted for, and none failed."""
    pool, trials = result.pool, result.trials
    assert pool is not None
    assert set(trials["outcome"]) == {"ok"}, not_ok(trials)
    assert set(arrivals["outcome"]) == {"ok"}
    assert len(arrivals) == 300
    told = pool["event"].value_counts()
    assert told["launch"] + told["serve"] == told["arrive"] == told["release"] == 300
    assert told["launch"] == told["gone"] == len(trials) == (arrivals["start"] == "cold").sum()
    left = told.get("evict", 0) + told.get("expire", 0) + told.get("close", 0)
    assert left == len(trials)
    assert trials["cleanup_errors"].isna().all()
    for name, value in (
        ("cold", int(told["launch"])),
        ("evicted", int(told.get("evict", 0))),
        ("expired", int(told.get("expire", 0))),
        ("seconds", round(float(pool["at_ms"].max()) / 1000, 1)),
        ("median_ms", round(float(arrivals["latency_ms"].median()), 1)),
        ("p95_ms", round(float(arrivals["latency_ms"].quantile(0.95)), 1)),
    ):
        record(name, value)
    return pool


@pytest.mark.parametrize("policy", WANTED_UNDER)
def test_what_is_wanted_tells_each_policy_from_the_others(policy: str) -> None:
    wanted = WANTED_UNDER[policy]
    same = [
        other
        for other in WANTED_UNDER
        if cached(other, wanted, memory=MEMORY, budget=768)
        == cached(policy, wanted, memory=MEMORY, budget=768)
    ]
    assert same == [policy]


@pytest.mark.daemon
@pytest.mark.slow
@pytest.mark.parametrize("policy", WANTED_UNDER)
async def test_three_hundred_arrivals_are_served_as_a_cache_would(
    tmp_path: Path, policy: str, record_property: Callable[[str, object], None]
) -> None:
    wanted = WANTED_UNDER[policy]
    arrivals, _, result = await churned(tmp_path, three_hundred(wanted), f"eviction={policy}")
    pool = account(arrivals, result, record_property)
    function = result.trials.set_index("trial")["function"]
    happened = [
        (row["event"], function[row["container"]])
        for _, row in pool.iterrows()
        if row["event"] in ("launch", "serve", "evict")
    ]
    assert happened == cached(policy, wanted, memory=MEMORY, budget=768)


@pytest.mark.daemon
@pytest.mark.slow
async def test_three_hundred_arrivals_wait_for_what_is_kept_for_its_time(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    plan = three_hundred(keep_alive_ms=KEEP_MS)
    arrivals, _, result = await churned(tmp_path, plan, "eviction=ttl")
    pool = account(arrivals, result, record_property)
    # When the run is over, what is idle goes at once.
    closing = pool.index[pool["event"] == "close"]
    pool = pool.loc[: closing.min() - 1] if len(closing) else pool
    function = result.trials.set_index("trial")["function"]
    rows = [
        (str(row.event), None if pd.isna(row.container) else int(row.container), float(row.at_ms))
        for row in pool.itertuples()
    ]
    happened = [
        f"{event} {function[container]}"
        if event in ("launch", "serve")
        else (event if container is None else f"{event} {container}")
        for event, container, _ in rows
    ]
    assert happened == kept_for_its_time(WANTED, rows, memory=MEMORY, budget=768, keep_ms=KEEP_MS)
    assert "evict" not in set(pool["event"])


async def test_ttl_without_a_time_is_refused_before_anything_starts(tmp_path: Path) -> None:
    plan = plan_of([HELLO], one_client("hello"))
    with pytest.raises(UsageError, match=r"eviction=ttl .* say how long"):
        await run_churn(quick("guarded", ["eviction=ttl"]), plan, results=tmp_path)
    assert list(tmp_path.iterdir()) == []
