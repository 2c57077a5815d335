"""Churn runs on a real containerd: reuse, eviction, death, stopping, and exact accounts of all."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pytest

from iluvatar_bench import RunResult, open_run, run_churn
from iluvatar_bench.batch.demo import CHURN_BUDGET_MIB, CHURN_CLIENTS
from iluvatar_bench.bugs import CLASSES_OF_2022
from iluvatar_bench.errors import UsageError
from iluvatar_bench.host.journal import Journal
from iluvatar_bench.plans import (
    Arrival,
    ArrivalProcess,
    ChurnPlan,
    PooledFunction,
    churn,
)
from iluvatar_bench.profiles import PRESETS
from iluvatar_bench.records import ArrivalOutcome, ArrivalRecord, Trial
from iluvatar_bench.runs import resume_run
from tests.support.deaths import kill_processes_of, processes_of
from tests.support.outcomes import not_ok
from tests.support.quick_profiles import quick
from tests.support.waiting import wait_for

HELLO = PooledFunction("hello", "hello", 128)
THREE = tuple(PooledFunction(name, name, 128) for name in ("hello", "float_operation", "chameleon"))


def closed(arrivals: int, *, clients: int, seed: int = 1) -> ChurnPlan:
    """A closed loop: its load follows the machine's speed, so no test depends on it."""
    return churn(
        arrivals=arrivals,
        functions=THREE,
        budget_mib=128 * (clients + 2),
        seed=seed,
        process=ArrivalProcess(pattern="closed", clients=clients),
    )


def one_by_one(
    *functions: str,
    known: tuple[PooledFunction, ...] = THREE,
    keep_alive_ms: int | None = None,
) -> ChurnPlan:
    """One client, who asks for these functions in turn."""
    return ChurnPlan(
        kind="churn",
        arrivals=tuple(Arrival(n, name, None) for n, name in enumerate(functions)),
        functions=known,
        budget_mib=512,
        keep_alive_ms=keep_alive_ms,
        seed=0,
        process=ArrivalProcess(pattern="closed", clients=1),
    )


def check_accounts(result: RunResult, plan: ChurnPlan) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What holds for every run that came to its end, whatever failed in it."""
    arrivals, pool = result.arrivals, result.pool
    assert arrivals is not None
    assert list(arrivals["arrival"]) == list(range(len(plan.arrivals)))
    assert list(arrivals["function"]) == [arrival.function for arrival in plan.arrivals]
    assert set(arrivals["outcome"]) <= {"ok", "failed", "unknown"}
    events = Counter(pool["event"])
    assert events["arrive"] == len(plan.arrivals)
    assert events["launch"] + events["serve"] == len(plan.arrivals)
    assert events["launch"] == events["gone"] == len(result.trials)
    assert list(result.trials["trial"]) == list(range(len(result.trials)))
    assert (arrivals["start"] == "cold").sum() == events["launch"]
    assert pool["resident_mib"].max() <= plan.budget_mib
    last = pool.iloc[-1]
    assert (last["busy"], last["idle"], last["leaving"], last["waiting"]) == (0, 0, 0, 0)
    # A failed arrival's class is that of its container; no other container failed for it.
    classes = result.trials.set_index("trial")["bug_class"]
    failed = arrivals[arrivals["outcome"] == "failed"]
    assert list(failed["bug_class"]) == [classes[trial] for trial in failed["trial"]]
    assert failed["trial"].is_unique
    assert list(arrivals["latency_ms"].notna()) == list(arrivals["outcome"] == "ok")
    invocations = pd.read_parquet(result.folder / "invocations.parquet")
    assert (invocations["status"] == 200).sum() == (arrivals["outcome"] == "ok").sum()
    return arrivals, pool


@pytest.mark.daemon
async def test_a_guarded_pool_reuses_evicts_and_fails_nobody(tmp_path: Path) -> None:
    """With one client the order of requests alone says who is warm: room is for two of three."""
    plan = churn(
        arrivals=10,
        functions=THREE,
        budget_mib=256,
        seed=3,
        process=ArrivalProcess(pattern="closed", clients=1),
    )
    asked = "".join(arrival.function[0] for arrival in plan.arrivals)
    assert asked == "hcchfcfcch"
    result = await run_churn(quick("guarded"), plan, results=tmp_path)
    arrivals, pool = check_accounts(result, plan)
    assert set(arrivals["outcome"]) == set(result.trials["outcome"]) == {"ok"}
    assert (pool["event"] == "evict").sum() == 3
    assert "".join(start[0] for start in arrivals["start"]) == "ccwwccwwwc"
    assert result.leaked == {}
    assert result.planned == 10
    assert result.manifest["plan"]["kind"] == "churn"
    assert arrivals["lateness_ms"].isna().all()
    assert str(result).startswith("10 arrivals: 10 ok, 0 failed, 0 unknown, 0 dropped (")
    again = open_run(result.folder)
    assert again.arrivals is not None
    pd.testing.assert_frame_equal(again.arrivals, arrivals)
    (result.folder / "arrivals.parquet").unlink()
    journaled = open_run(result.folder).arrivals
    assert journaled is not None
    pd.testing.assert_frame_equal(journaled, arrivals)


@pytest.mark.daemon
async def test_an_open_loop_keeps_its_schedule_while_the_pool_is_full(tmp_path: Path) -> None:
    """One container at a time, and eight arrivals before it can be ready."""
    plan = ChurnPlan(
        kind="trace",
        arrivals=tuple(Arrival(n, "hello", 10.0 * n) for n in range(8)),
        functions=(HELLO,),
        budget_mib=128,
        keep_alive_ms=None,
        seed=0,
    )
    result = await run_churn(quick("guarded"), plan, results=tmp_path)
    arrivals, pool = check_accounts(result, plan)
    assert list(arrivals["start"]) == ["cold"] + ["warm"] * 7
    assert (arrivals["lateness_ms"] >= 0).all()
    ready = arrivals["submitted_at_ms"][0] + arrivals["latency_ms"][0]
    assert (arrivals["submitted_at_ms"] < ready).all(), "nobody waited to be submitted"
    assert arrivals["queue_ms"][1:].gt(0).all()
    assert pool["waiting"].max() == 7
    # Latency counts from the plan, so it holds the wait as well.
    assert (arrivals["latency_ms"] >= arrivals["queue_ms"] + arrivals["invoke_ms"]).all()


PATIENT = """\
import pathlib, time

def main(args):
    while not pathlib.Path(__file__).with_name("go").exists():
        time.sleep(0.01)
    return {}
"""
"""A function that answers once somebody has put a file beside it."""


def let_go(container_id: str) -> bool:
    """Put the file there; False while there is no such place yet."""
    for pid in processes_of(container_id):
        # Of a container that is only being made this is not there: it sees the host's root.
        home = Path(f"/proc/{pid}/root/app")
        if (home / "main.py").exists():
            (home / "go").touch()
            return True
    return False


@pytest.mark.daemon
async def test_a_container_that_dies_idle_is_a_failed_trial_and_no_failed_arrival(
    tmp_path: Path,
) -> None:
    """Its death is noticed while another function is asked, which takes until then to answer."""
    patient, results = tmp_path / "patient", tmp_path / "results"
    patient.mkdir()
    (patient / "main.py").write_text(PATIENT)
    noticed = asyncio.Event()

    def kill(record: ArrivalRecord) -> None:
        if record.arrival == 0:
            assert record.container_id is not None
            kill_processes_of(record.container_id)

    def tell(trial: Trial) -> None:
        if trial.trial == 0:
            noticed.set()

    known = HELLO, PooledFunction("patient", str(patient), 128)
    plan = one_by_one("hello", "patient", "hello", known=known)
    profile = quick("guarded")
    async with asyncio.TaskGroup() as group:
        run = group.create_task(
            run_churn(profile, plan, results=results, on_arrival=kill, on_trial=tell)
        )
        await noticed.wait()
        (folder,) = results.iterdir()
        await asyncio.to_thread(wait_for, lambda: let_go(f"patient-{folder.name[-8:]}-00001"))
    arrivals, pool = check_accounts(run.result(), plan)
    assert list(run.result().trials["bug_class"].fillna("")) == ["process_died", "", ""]
    assert list(arrivals["outcome"]) == ["ok"] * 3
    assert list(arrivals["start"]) == ["cold"] * 3
    assert (pool["event"] == "dead").sum() == 1


@pytest.mark.daemon
async def test_idle_containers_go_after_their_keep_alive(tmp_path: Path) -> None:
    plan = one_by_one("hello", "float_operation", keep_alive_ms=50)
    result = await run_churn(quick("guarded"), plan, results=tmp_path)
    _, pool = check_accounts(result, plan)
    assert (pool["event"] == "expire").sum() >= 1
    assert set(result.trials["outcome"]) == {"ok"}, not_ok(result.trials)


@pytest.mark.daemon
async def test_a_stopped_run_finishes_what_is_served_and_drops_what_waits(tmp_path: Path) -> None:
    stop = asyncio.Event()
    plan = ChurnPlan(
        kind="trace",
        arrivals=tuple(Arrival(n, "hello", 0.0 if n < 5 else 900_000.0) for n in range(9)),
        functions=(HELLO,),
        budget_mib=128,
        keep_alive_ms=None,
        seed=0,
    )
    run = asyncio.create_task(run_churn(quick("guarded"), plan, results=tmp_path, stop=stop))
    async with asyncio.timeout(60):
        # The first five are submitted at once; stopped while the only container starts. Before
        # that there is nothing to finish: a stop that comes earlier has a test of its own.
        while _noted(tmp_path, "arrive") < 5:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        stop.set()
        result = await run
    assert result.arrivals is not None
    counts = Counter(result.arrivals["outcome"])
    assert set(counts) <= {"ok", "dropped"}
    assert sum(counts.values()) == len(result.arrivals) == 5
    assert set(result.trials["outcome"]) == {"ok"}, not_ok(result.trials)
    assert result.leaked == {}
    assert f"stopped after {len(result.arrivals)} of 9 planned arrivals" in str(result)


def _noted(results: Path, event: str) -> int:
    """How often the pool of the only run there has noted an event so far."""
    return sum(
        row["event"] == event
        for path in results.glob("*/pool.jsonl")
        for row in Journal(path).rows()
    )


@pytest.mark.daemon
async def test_a_run_stopped_before_its_first_arrival_is_kept_and_can_be_resumed(
    tmp_path: Path,
) -> None:
    stop = asyncio.Event()
    stop.set()
    plan = one_by_one("hello", "float_operation")
    result = await run_churn(quick("guarded"), plan, results=tmp_path, stop=stop)
    assert result.trials.empty
    assert result.arrivals is not None
    assert result.arrivals.empty
    assert result.manifest["status"] == "stopped"
    assert "stopped before its first trial" in str(result)
    resumed = await resume_run(result.folder)
    check_accounts(resumed, plan)
    assert resumed.caveat == ""
    assert "resumed, 1 time(s)" in str(resumed)


@pytest.mark.daemon
@pytest.mark.slow
async def test_an_interrupted_run_keeps_the_arrivals_that_had_ended(tmp_path: Path) -> None:
    plan = closed(200, clients=2)
    first = asyncio.Event()
    run = asyncio.create_task(
        run_churn(quick("guarded"), plan, results=tmp_path, on_trial=lambda _: first.set())
    )
    async with asyncio.timeout(120):
        await first.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    (folder,) = tmp_path.iterdir()
    assert (folder / "arrivals.parquet").exists()
    result = open_run(folder)
    assert result.arrivals is not None
    assert 1 <= len(result.arrivals) < 200
    assert result.manifest["status"] == "interrupted"
    assert f"cut off after {len(result.arrivals)} of 200 planned arrivals" in str(result)


@pytest.mark.daemon
@pytest.mark.slow
async def test_one_plan_shows_every_class_of_2022_and_none_when_guarded(tmp_path: Path) -> None:
    """The load of the demo: few clients, so that there are ready containers to be killed."""
    plan = churn(
        arrivals=300,
        functions=THREE,
        budget_mib=CHURN_BUDGET_MIB,
        seed=1,
        process=ArrivalProcess(pattern="closed", clients=CHURN_CLIENTS),
    )
    old = await run_churn(PRESETS["iluvatar-2022-07"], plan, results=tmp_path)
    check_accounts(old, plan)
    assert {str(name) for name in CLASSES_OF_2022} <= set(old.trials["bug_class"].dropna())
    guarded = await run_churn(PRESETS["guarded"], plan, results=tmp_path)
    arrivals, pool = check_accounts(guarded, plan)
    assert set(guarded.trials["outcome"]) == set(arrivals["outcome"]) == {"ok"}
    assert guarded.leaked == {}
    assert (pool["event"] == "evict").sum() > 30
    assert (arrivals["start"] == "warm").sum() > 30


async def test_wrong_requests_start_nothing(tmp_path: Path) -> None:
    profile = quick("guarded")
    for name, source, message in (
        ("hello", "nope", "no function 'nope'"),
        ("not/a name", "hello", "cannot be named after function 'not/a name'"),
        ("x" * 49, "hello", "cannot be named after"),
    ):
        plan = churn(arrivals=1, functions=[PooledFunction(name, source)], budget_mib=128, seed=0)
        with pytest.raises(UsageError, match=message):
            await run_churn(profile, plan, results=tmp_path)
    assert list(tmp_path.iterdir()) == []


def record(arrival: int, **changes: object) -> ArrivalRecord:
    fields = {
        "run_id": "r",
        "arrival": arrival,
        "function": "hello",
        "planned_at_ms": 0.0,
        "submitted_at": "2026-01-01T00:00:00+00:00",
        "submitted_at_ms": 0.0,
        "lateness_ms": 0.0,
        "outcome": ArrivalOutcome.OK,
    }
    return ArrivalRecord(**{**fields, **changes})


def test_accounts_that_contradict_themselves_are_refused(tmp_path: Path) -> None:
    from iluvatar_bench.runs.arrivals import load_arrivals

    with pytest.raises(ValueError, match="outcome failed with class None"):
        record(0, outcome=ArrivalOutcome.FAILED)
    with pytest.raises(ValueError, match="outcome ok with class"):
        record(0, bug_class="network")
    journal = Journal(tmp_path / "arrivals.jsonl")
    journal.append(asdict(record(0)))
    with (tmp_path / "arrivals.jsonl").open("a") as file:
        file.write(json.dumps({"arrival": 1})[:-4])
    assert len(load_arrivals(tmp_path)) == 1, "a line cut short is passed over"
    (tmp_path / "arrivals.jsonl").unlink()
    journal.close()
    for _ in range(2):
        journal.append(asdict(record(3)))
    journal.close()
    with pytest.raises(UsageError, match="an arrival stands in it twice"):
        load_arrivals(tmp_path)
