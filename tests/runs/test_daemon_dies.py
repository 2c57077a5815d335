"""The daemon goes away in the middle: what nobody began has not failed, and nothing hangs."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from iluvatar_bench.containerd.client import Client, connect
from iluvatar_bench.containerd.daemon.private import Node, private_daemon
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.errors import Unreachable, UsageError
from iluvatar_bench.lifecycle import KillLog
from iluvatar_bench.plans import ArrivalProcess, PlannedTrial, PooledFunction, churn, cold_start
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR
from iluvatar_bench.records import Outcome, Trial
from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.records.run_status import RunStatus
from iluvatar_bench.report import report_page
from iluvatar_bench.runs import daemon_watch, record_run, resume_run, run_churn, run_cold_start
from iluvatar_bench.runs.daemon_watch import DaemonWatch, follow_daemon
from iluvatar_bench.runs.runner import run_plan
from iluvatar_bench.runs.trial import Setting, run_trial
from iluvatar_bench.stats import compare_runs
from tests.runs.test_daemon_watch import until_noticed
from tests.support.fake_containerd import fake_containerd
from tests.support.outcomes import not_ok
from tests.support.quick_profiles import quick

IMAGE = ImportedImage("i", "sha256:0", "sha256:chain", ("/bin/x",), {}, "/")
GUARDED = quick("guarded")
"""With byte code Python starts in a third of the time."""


def setting_of(client: Client, folder: Path, watch: DaemonWatch | None) -> Setting:
    node = Node("f", client, folder / "s", "/iluvatar-bench/fake", None, folder, QUIET_COLLECTOR)
    return Setting("test-away", node, IMAGE, GUARDED, KillLog(), daemon=watch)


async def test_what_was_never_asked_of_containerd_is_no_trial(short_folder: Path) -> None:
    async with fake_containerd(short_folder / "s"):
        connection = connect(short_folder / "s")
        client = await connection.__aenter__()
    (short_folder / "s").unlink(missing_ok=True)
    await until_noticed(client)
    with pytest.raises(Unreachable):
        await run_trial(setting_of(client, short_folder, None), PlannedTrial(0, "hello", 0))
    assert not list(short_folder.glob("hello-*"))
    await connection.__aexit__(None, None, None)


async def test_trials_wait_while_it_is_away_and_go_on_when_it_is_back(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon_watch, "PERIOD_SECONDS", 0.05)
    done: list[Trial] = []
    socket = short_folder / "s"
    half = asyncio.Event()

    def count(trial: Trial) -> None:
        done.append(trial)
        if len(done) == 5:
            half.set()

    async with asyncio.timeout(60):
        fake_context = fake_containerd(socket)
        fake = await fake_context.__aenter__()
        fake.runs_processes = True
        async with connect(socket) as client, follow_daemon(client, socket) as watch:
            setting = setting_of(client, short_folder, watch)
            plan = cold_start(trials=20, concurrency=2, seed=1, hold_ms=(0, 10))
            run = asyncio.create_task(run_plan(setting, plan, sinks=(count,)))
            await half.wait()
            await fake_context.__aexit__(None, None, None)
            while not watch.gaps:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            before = len(done)
            async with fake_containerd(socket) as again:
                again.runs_processes = True
                await run
                assert {trial.trial for trial in done} == set(range(20))
                outcomes = Counter(trial.outcome for trial in done)
                in_flight = [trial for trial in done if trial.outcome is not Outcome.OK]
                assert len(in_flight) <= 2, "only what was under way"
                assert outcomes[Outcome.OK] >= 18
                assert before < 20
                (gap,) = watch.gaps
                assert gap.ended_at is not None
                assert gap.ended_at > gap.began_at
                assert not watch.lost


async def test_where_it_stays_away_the_rest_is_not_run_and_nothing_hangs(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon_watch, "PERIOD_SECONDS", 0.05)
    done: list[Trial] = []
    socket = short_folder / "s"
    async with asyncio.timeout(60):
        fake_context = fake_containerd(socket)
        fake = await fake_context.__aenter__()
        fake.runs_processes = True
        async with (
            connect(socket) as client,
            follow_daemon(client, socket, away_seconds=0.3) as watch,
        ):
            setting = setting_of(client, short_folder, watch)
            plan = cold_start(trials=300, concurrency=4, seed=1, hold_ms=(0, 10))
            enough = asyncio.Event()

            def count(trial: Trial) -> None:
                done.append(trial)
                if len(done) == 5:
                    enough.set()

            run = asyncio.create_task(run_plan(setting, plan, sinks=(count,)))
            await enough.wait()
            await fake_context.__aexit__(None, None, None)
            await run
        assert watch.lost
        assert len(done) < 100
        not_ok = [trial for trial in done if trial.outcome is not Outcome.OK]
        assert len(not_ok) <= 4
        assert watch.gaps[-1].ended_at is None


def daemon_of_this_test() -> psutil.Process:
    """The containerd that this very process has started."""
    (found,) = [p for p in psutil.Process().children() if p.name() == "containerd"]
    return found


def check_lost(run: RunResult, tmp_path: Path) -> None:
    assert run.manifest["status"] == RunStatus.DAEMON_LOST
    assert "ended by the loss of its containerd" in run.caveat
    assert run.leaked == {}
    (gap,) = run.manifest["daemon_gaps"]
    assert gap["ended_at"] is None
    assert "containerd was away until the end of the run" in str(run)
    for _, trial in run.trials.iterrows():
        attributed = trial["mechanism"] == "daemon_restart"
        assert trial["outcome"] in ("ok", "unknown") or attributed, dict(trial)
    with pytest.raises(UsageError, match="loss of its containerd"):
        record_run(run.folder, "lost", home=tmp_path / "home")
    assert any(
        "loss of its containerd" in text for text in compare_runs(run, run, force=True).remarks
    ) or run.caveat in report_page([run])
    assert "loss of its containerd" in report_page([run])


@pytest.mark.daemon
async def test_a_run_whose_daemon_dies_ends_as_lost_and_can_be_resumed(tmp_path: Path) -> None:
    def kill(trial: Trial) -> None:
        if trial.trial == 4:
            daemon_of_this_test().kill()

    began = time.monotonic()
    run = await run_cold_start(
        GUARDED,
        trials=20,
        concurrency=2,
        seed=1,
        hold_ms=(0, 50),
        results=tmp_path,
        away_seconds=1.0,
        on_trial=kill,
    )
    assert time.monotonic() - began < 60
    assert len(run.trials) < 12
    check_lost(run, tmp_path)
    resumed = await resume_run(run.folder)
    assert resumed.manifest["status"] == RunStatus.FINISHED
    assert list(resumed.trials["trial"]) == list(range(20))
    assert set(resumed.trials["outcome"].iloc[len(run.trials) :]) == {"ok"}
    assert resumed.manifest["sessions"][0]["daemon_gaps"] == run.manifest["daemon_gaps"]


@pytest.mark.daemon
@pytest.mark.slow
async def test_a_churn_whose_daemon_dies_drops_what_nobody_began(tmp_path: Path) -> None:
    def kill(trial: Trial) -> None:
        if trial.trial == 1:
            daemon_of_this_test().kill()

    plan = churn(
        arrivals=60,
        functions=[PooledFunction(n, n, 128) for n in ("hello", "float_operation")],
        budget_mib=128,
        seed=2,
        process=ArrivalProcess(pattern="closed", clients=2),
    )
    run = await run_churn(GUARDED, plan, results=tmp_path, away_seconds=1.0, on_trial=kill)
    check_lost(run, tmp_path)
    assert run.arrivals is not None
    assert len(run.arrivals) < 60
    assert set(run.arrivals["outcome"]) <= {"ok", "unknown", "dropped", "failed"}
    assert run.pool is not None
    assert run.pool.iloc[-1][["busy", "idle", "leaving", "waiting"]].sum() == 0


@pytest.mark.daemon
async def test_a_run_goes_on_with_the_daemon_that_is_back(tmp_path: Path) -> None:
    """The harness's own restart of a daemon that the run only uses."""
    async with private_daemon() as node:
        assert node.restart is not None
        restarts: list[asyncio.Task[None]] = []

        def restart(trial: Trial) -> None:
            if trial.trial == 4:
                restarts.append(asyncio.ensure_future(node.restart()))  # type: ignore[misc]

        run = await run_cold_start(
            GUARDED,
            trials=16,
            concurrency=3,
            seed=1,
            hold_ms=(0, 300),
            results=tmp_path,
            address=node.address,
            on_trial=restart,
        )
        await restarts[0]
    assert run.manifest["status"] == RunStatus.FINISHED
    assert list(run.trials["trial"]) == list(range(16))
    (gap,) = run.manifest["daemon_gaps"]
    assert gap["pid_before"] != gap["pid_after"]
    bad = run.trials[run.trials["outcome"] != "ok"]
    assert len(bad) <= 3, bad[["trial", "outcome", "bug_class", "mechanism", "error"]].to_dict(
        "records"
    )
    assert all((bad["outcome"] == "unknown") | (bad["mechanism"] == "daemon_restart")), bad.to_dict(
        "records"
    )
    assert "containerd was away for" in str(run)


@pytest.mark.daemon
@pytest.mark.slow
async def test_a_daemon_that_is_stopped_for_15_seconds_is_waited_for(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()

    def stop(trial: Trial) -> None:
        if trial.trial == 3:
            daemon = daemon_of_this_test()
            os.kill(daemon.pid, signal.SIGSTOP)
            loop.call_later(15, os.kill, daemon.pid, signal.SIGCONT)

    began = time.monotonic()
    run = await run_cold_start(
        GUARDED, trials=16, concurrency=2, seed=1, hold_ms=(0, 50), results=tmp_path, on_trial=stop
    )
    assert time.monotonic() - began < 90
    assert run.manifest["status"] == RunStatus.FINISHED
    assert list(run.trials["trial"]) == list(range(16))
    assert (run.trials["outcome"] == "failed").sum() == 0
    (gap,) = run.manifest["daemon_gaps"]
    assert 10 < gap["ended_at"] - gap["began_at"] < 30
    assert gap["pid_before"] == gap["pid_after"]


@pytest.mark.daemon
@pytest.mark.slow
async def test_a_daemon_that_is_stopped_for_good_holds_nobody_up(tmp_path: Path) -> None:
    def stop(trial: Trial) -> None:
        if trial.trial == 3:
            os.kill(daemon_of_this_test().pid, signal.SIGSTOP)

    began = time.monotonic()
    run = await run_cold_start(
        GUARDED,
        trials=40,
        concurrency=2,
        seed=1,
        hold_ms=(0, 50),
        results=tmp_path,
        away_seconds=3.0,
        on_trial=stop,
    )
    assert time.monotonic() - began < 90
    check_lost(run, tmp_path)


@pytest.mark.daemon
@pytest.mark.slow
async def test_a_run_whose_daemons_socket_is_removed_goes_on(tmp_path: Path) -> None:
    """The connection that it has outlives the name."""

    def unlink(trial: Trial) -> None:
        if trial.trial == 3:
            command = daemon_of_this_test().cmdline()
            (Path(command[command.index("--config") + 1]).parent / "c.sock").unlink()

    run = await run_cold_start(
        GUARDED,
        trials=10,
        concurrency=2,
        seed=1,
        hold_ms=(0, 50),
        results=tmp_path,
        on_trial=unlink,
    )
    assert run.manifest["status"] == RunStatus.FINISHED
    assert set(run.trials["outcome"]) == {"ok"}, not_ok(run.trials)
