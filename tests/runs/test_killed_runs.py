"""SIGKILL at any moment: what had ended is read, the accounts are exact, the rest can be run."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
import pytest

from iluvatar_bench.containerd.daemon.place import abandoned_places
from iluvatar_bench.containerd.daemon.teardown import remove_place
from iluvatar_bench.errors import UsageError
from iluvatar_bench.host.network.network_residue import remove_abandoned
from iluvatar_bench.records.run_status import RunStatus
from iluvatar_bench.runs import RunFolder, RunResult, load_observations, open_run, resume_run
from iluvatar_bench.runs.standing import Standing
from iluvatar_bench.stats import check_accounting
from tests.support.killed_runs import TRIALS, churn_plan, end, end_for_ever

MOMENTS = 20

FORKS = get_context("forkserver")
"""Processes that have imported everything when they begin."""

FORKS.set_forkserver_preload(["tests.support.killed_runs"])


def test_killed_at_twenty_moments_of_its_end_a_run_is_whole(tmp_path: Path) -> None:
    chance = random.Random(20)
    states: Counter[str] = Counter()
    for moment in range(MOMENTS):
        folder = tmp_path / f"run-{moment}"
        folder.mkdir()
        ours, theirs = FORKS.Pipe()
        process = FORKS.Process(target=end_for_ever, args=(folder, theirs))
        process.start()
        assert ours.recv() == "now"
        # Somewhere in its first ends, each of which takes some tens of milliseconds.
        process.join(chance.uniform(0.0, 0.3))
        process.kill()
        process.join()
        process.close()
        run = open_run(folder)
        assert list(run.trials["trial"]) == list(range(TRIALS))
        assert Counter(run.trials["outcome"]) == {"ok": 34, "failed": 6}
        check_accounting(run.trials)
        assert {name: len(frame) for name, frame in load_observations(folder).items()} == {
            "events": TRIALS,
            "deaths": TRIALS,
            "samples": TRIALS,
        }
        states[run.manifest["status"]] += 1
        for table in folder.glob("*.parquet"):
            pd.read_parquet(table)
        for csv in folder.glob("*.csv"):
            assert len(pd.read_csv(csv)) > 0
    assert states.total() == MOMENTS


@pytest.mark.parametrize("name", ["trials", "events", "deaths", "samples"])
@pytest.mark.parametrize("damage", ["torn", "missing"])
def test_a_torn_or_missing_table_is_read_from_its_journal(
    tmp_path: Path, name: str, damage: str
) -> None:
    end(tmp_path)
    table = tmp_path / f"{name}.parquet"
    content = table.read_bytes()
    table.unlink()
    if damage == "torn":
        table.write_bytes(content[: len(content) // 2])
    assert len(open_run(tmp_path).trials) == TRIALS
    assert len(load_observations(tmp_path)["events"]) == TRIALS
    for journal in tmp_path.glob("*.jsonl"):
        journal.unlink()
    if damage == "torn":
        with pytest.raises(UsageError, match=f"the {name} in .* cannot be read"):
            open_run(tmp_path)


def check_killed(run: RunResult) -> None:
    """What holds of a churn that was killed at any moment."""
    check_accounting(run.trials)
    assert run.arrivals is not None
    assert run.arrivals["arrival"].is_unique
    assert run.trials["trial"].is_unique
    folder = RunFolder(run.folder)
    standing = Standing.of(folder)
    assert len(standing.ended) == len(run.arrivals)
    assert {trial.trial for trial in folder.journal()} == set(run.trials["trial"])
    # Every container that was launched has a trial, or was lost with the run.
    launched = {row["container"] for row in folder.pool.rows() if row["event"] == "launch"}
    assert launched == set(run.trials["trial"]) | set(standing.lost)
    # An arrival that was served names a container that was launched.
    assert set(run.arrivals["trial"].dropna()) <= launched


async def _clean() -> None:
    """What a killed run leaves, and nothing that has a living owner."""
    for place in abandoned_places():
        remove_place(place)
    await remove_abandoned()


@pytest.mark.daemon
@pytest.mark.slow
async def test_killed_at_twenty_moments_of_a_churn_every_end_is_read_and_it_can_be_resumed(
    tmp_path: Path,
) -> None:
    """One run, killed and resumed, until its plan is done; then others, killed once."""
    chance = random.Random(4)
    for moment in range(MOMENTS):
        await _kill_one(tmp_path / str(moment), seconds=chance.uniform(0.0, 6.0))
        (path,) = [found.parent for found in (tmp_path / str(moment)).glob("*/manifest.json")]
        check_killed(open_run(path))
        if moment % 5 == 0:
            await _check_resumed(path)


@pytest.mark.daemon
@pytest.mark.slow
async def test_a_killed_churn_is_read_and_resumed(tmp_path: Path) -> None:
    await _kill_one(tmp_path, seconds=2.0)
    (path,) = [found.parent for found in tmp_path.glob("*/manifest.json")]
    check_killed(open_run(path))
    await _check_resumed(path)


async def _kill_one(results: Path, *, seconds: float) -> None:
    results.mkdir(exist_ok=True)
    program = [sys.executable, "-m", "tests.support.killed_runs", str(results)]
    process = await asyncio.create_subprocess_exec(*program)
    while not list(results.glob("*/manifest.json")):
        assert process.returncode is None
        await asyncio.sleep(0.01)
    await asyncio.wait([asyncio.ensure_future(process.wait())], timeout=seconds)
    if process.returncode is None:
        process.kill()
    await process.wait()
    await _clean()


async def _check_resumed(path: Path) -> None:
    before = open_run(path)
    if before.manifest["status"] == RunStatus.FINISHED:
        with pytest.raises(UsageError, match="is finished"):
            await resume_run(path)
        return
    resumed = await resume_run(path)
    plan = churn_plan()
    assert resumed.caveat == ""
    assert resumed.arrivals is not None
    assert list(resumed.arrivals["arrival"]) == list(range(len(plan.arrivals)))
    assert list(resumed.arrivals["function"]) == [a.function for a in plan.arrivals]
    assert set(resumed.arrivals["outcome"]) == set(resumed.trials["outcome"]) == {"ok"}
    check_killed(resumed)
    (session,) = resumed.manifest["sessions"]
    assert session["status"] == RunStatus.RUNNING
    assert set(session["lost_containers"]) == set(Standing.of(RunFolder(path)).lost)
    assert before.arrivals is not None
    kept = resumed.arrivals.set_index("arrival").loc[list(before.arrivals["arrival"])]
    assert list(kept["container_id"]) == list(before.arrivals["container_id"]), "as they ended"
    assert resumed.pool is not None
    assert resumed.pool["at_ms"].is_monotonic_increasing
    assert (resumed.pool["event"] == "resume").sum() == 1
