"""A whole run on a real containerd, from a profile to a run folder."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pandas as pd
import pytest

from iluvatar_bench import open_run, run_cold_start
from iluvatar_bench.errors import UsageError
from iluvatar_bench.records import Trial
from iluvatar_bench.runs.store import RunFolder
from tests.containerd.test_daemon import traces_of
from tests.support.outcomes import not_ok
from tests.support.quick_profiles import quick


@pytest.mark.daemon
async def test_a_guarded_run_is_clean_complete_and_readable(tmp_path: Path) -> None:
    seen: list[Trial] = []
    result = await run_cold_start(
        quick("guarded"),
        trials=6,
        concurrency=3,
        seed=5,
        results=tmp_path,
        hold_ms=(10, 100),
        sample_seconds=0.05,
        on_trial=seen.append,
    )
    assert sorted(trial.trial for trial in seen) == list(range(6))
    assert set(result.trials["outcome"]) == {"ok"}, not_ok(result.trials)
    names = {path.name for path in result.folder.iterdir()}
    assert names == {
        "collections.jsonl",
        "collections.parquet",
        "containerd.log",
        "deaths.jsonl",
        "deaths.parquet",
        "events.jsonl",
        "events.parquet",
        "failure_rates.csv",
        "invocations.parquet",
        "journal.jsonl",
        "manifest.json",
        "run.log",
        "samples.jsonl",
        "samples.parquet",
        "trials.csv",
        "trials.parquet",
    }
    manifest = json.loads((result.folder / "manifest.json").read_text())
    assert manifest["profile"]["snapshot_reference"] == "lease"
    assert manifest["plan"]["seed"] == 5
    assert manifest["containerd"]["version"]
    assert manifest["host"]["cgroup_mode"] in ("v1", "v2", "hybrid")
    assert manifest["events_complete"]
    assert manifest["status"] == "finished"
    assert manifest["started_at"] < manifest["ended_at"]
    assert "Version" in manifest["host"]["shim"]
    events = pd.read_parquet(result.folder / "events.parquet")
    exits = events[events["topic"] == "/tasks/exit"]
    assert set(exits["container_id"]) == set(result.trials["container_id"])
    invocations = pd.read_parquet(result.folder / "invocations.parquet")
    assert sorted(invocations["trial"]) == list(range(6))
    assert set(invocations["status"]) == {200}
    observed = result.seen
    deaths = observed["deaths"].set_index("container_id")
    # Each container's end is one death, told by the kernel and by containerd.
    assert sorted(deaths.index) == sorted(result.trials["container_id"])
    assert deaths[["pidfd_at", "wait_at"]].notna().all(axis=None)
    assert (deaths["exit_status"] == 137).all()
    assert manifest["event_gaps"] == []
    sampled = observed["samples"].dropna(subset=["container_id", "rss_bytes"])
    assert set(sampled["container_id"]) == set(result.trials["container_id"])
    for spans in result.trials["spans"].map(json.loads):
        assert [span["name"] for span in spans if span["name"] != "network"] == [
            "prepare", "create", "task_create", "start", "ready", "invoke", "alive", "kill",
            "delete",
        ]  # fmt: skip
        assert all(span["completed"] for span in spans)
    again = open_run(result.folder)
    pd.testing.assert_frame_equal(again.rates, result.rates)
    assert not traces_of(events["run_id"].iloc[0])


@pytest.mark.daemon
async def test_an_interrupted_run_keeps_what_it_lived_through(tmp_path: Path) -> None:
    first = asyncio.Event()
    run = asyncio.create_task(
        run_cold_start(
            quick("guarded"),
            trials=50,
            concurrency=2,
            seed=1,
            results=tmp_path,
            hold_ms=(10, 10),
            on_trial=lambda _: first.set(),
        )
    )
    async with asyncio.timeout(60):
        await first.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    (folder,) = tmp_path.iterdir()
    result = open_run(folder)
    assert 1 <= len(result.trials) < 50
    assert (folder / "trials.parquet").exists()
    assert result.manifest["status"] == "interrupted"
    assert f"cut off after {len(result.trials)} of 50 planned trials" in str(result)


Found = TypeVar("Found")


def wait_for(look: Callable[[], Found | None], *, seconds: float = 60) -> Found:
    """What ``look`` finds, as soon as it finds something."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "nothing was found in time"
        time.sleep(0.01)
    return found


@pytest.mark.daemon
@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
    ],
)
def test_a_signal_finishes_the_trials_in_flight_and_writes_everything(
    number: signal.Signals, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", "from iluvatar_bench.commands.app import main; main()"]
    run = ["run", "cold-start"]
    arguments = ["--profile", "guarded", "--trials", "500", "--concurrency", "3"]
    arguments += ["--set", "server=http_server", "--set", "byte_code=shipped"]
    process = subprocess.Popen(
        [*command, *run, *arguments, "--out", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        journal = wait_for(lambda: next(tmp_path.glob("*/journal.jsonl"), None))
        wait_for(lambda: journal.read_text().count("\n") >= 2)
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 128 + number, errors
    assert "finishing the trials in flight" in errors
    result = open_run(journal.parent)
    assert result.manifest["status"] == "stopped"
    assert result.leaked == {}
    assert set(result.trials["outcome"]) == {"ok"}, not_ok(result.trials)
    # Those in flight are in it too: no gap before the last that had begun.
    assert list(result.trials["trial"]) == list(range(len(result.trials)))
    assert f"stopped after {len(result.trials)} of 500 planned trials" in output


async def test_wrong_requests_start_nothing(tmp_path: Path) -> None:
    profile = quick("guarded")
    for numbers in ({"trials": 0, "concurrency": 1}, {"trials": 1, "concurrency": 0}):
        with pytest.raises(UsageError, match="must be between 1 and"):
            await run_cold_start(profile, seed=1, results=tmp_path, **numbers)
    with pytest.raises(UsageError, match="no function 'nope'"):
        await run_cold_start(
            profile, trials=1, concurrency=1, seed=1, results=tmp_path, function="nope"
        )
    quiet = quick("guarded", ["collection=quiet"])
    with pytest.raises(UsageError, match="needs a private containerd"):
        await run_cold_start(
            quiet,
            trials=1,
            concurrency=1,
            seed=1,
            results=tmp_path,
            address=Path("/run/containerd/containerd.sock"),
        )
    assert list(tmp_path.iterdir()) == []
    assert RunFolder(tmp_path).journal() == []
