"""Outcomes that a healthy daemon never gives: lost answers, refusals, a judge that fails."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import pytest

from iluvatar_bench.bugs import Evidence
from iluvatar_bench.containerd.client import connect
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.errors import StartupFailed
from iluvatar_bench.lifecycle import Container, KillLog
from iluvatar_bench.lifecycle.readiness import READY_TEXT
from iluvatar_bench.plans import PlannedTrial, cold_start
from iluvatar_bench.profiles import PRESETS
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR
from iluvatar_bench.records import Outcome, Trial
from iluvatar_bench.records.frames import trials_frame
from iluvatar_bench.runs import verdict
from iluvatar_bench.runs.runner import run_plan
from iluvatar_bench.runs.trial import Setting, live_trial, run_trial
from iluvatar_bench.stats import check_accounting, failure_rates
from tests.support.fake_containerd import FakeContainerd, FakeTask, fake_containerd
from tests.support.killed_runs import a_trial

IMAGE = ImportedImage("i", "sha256:0", "sha256:chain", ("/bin/x",), {}, "/")
REFUSED = (
    "OCI runtime create failed: runc create failed: unable to start container process: "
    "unable to apply cgroup configuration: container's cgroup is not empty: 1 process(es) found"
)
PLANNED = PlannedTrial(index=0, function="hello", hold_ms=0)


@pytest.mark.parametrize(("exit_status", "found"), [(137, "silent_startup"), (None, "frozen")])
def test_who_has_ended_in_a_frozen_cgroup_was_not_frozen(
    exit_status: int | None, found: str
) -> None:
    """Two of 4,434 trials of the worker of 2022 had ended while a neighbour's Kill froze all."""
    error = StartupFailed(
        "it said nothing", container_id="me", stdout="", stderr="", exited=exit_status is not None
    )
    evidence = Evidence(
        container_id="me",
        error=str(error),
        step="ready",
        step_started_at=100.0,
        step_ended_at=100.3,
        cgroup_frozen=True,
        exit_status=exit_status,
    )
    trial = a_trial("run", 0)
    assert verdict.judged(trial, error, evidence).bug_class == found


async def lived(folder: Path, *, answers: dict[str, grpc.StatusCode], details: str = "") -> Trial:
    trial, _ = await lived_with_fake(folder, answers=answers, details=details)
    return trial


async def lived_with_fake(
    folder: Path, *, answers: dict[str, grpc.StatusCode], details: str = ""
) -> tuple[Trial, FakeContainerd]:
    socket = folder / "s"
    async with fake_containerd(socket) as fake, connect(socket) as client:
        fake.answers, fake.details = answers, details or fake.details
        node = Node("fake", client, socket, "/iluvatar-bench/fake", None, folder, QUIET_COLLECTOR)
        setting = Setting("test-fake", node, IMAGE, PRESETS["guarded"], KillLog())
        return await run_trial(setting, PLANNED), fake


async def test_a_lost_answer_is_unknown_never_ok_and_has_no_class(short_folder: Path) -> None:
    answers = {"Tasks.Create": grpc.StatusCode.UNAVAILABLE}
    trial = await lived(short_folder, answers=answers, details="error reading from server: EOF")
    assert (trial.outcome, trial.bug_class) == (Outcome.UNKNOWN, None)
    assert trial.failed_step == "task_create"
    assert "EOF" in (trial.error or "")
    assert "task_create_ms" not in trial.steps


async def test_a_task_whose_creation_was_not_answered_is_deleted_all_the_same(
    short_folder: Path,
) -> None:
    answers = {"Tasks.Create": grpc.StatusCode.DEADLINE_EXCEEDED}
    _, fake = await lived_with_fake(short_folder, answers=answers)
    calls = [call for call, _, _ in fake.calls]
    for wanted in ("Tasks.Kill", "Tasks.Delete", "Snapshots.Remove", "Containers.Delete"):
        assert wanted in calls[calls.index("Tasks.Create") :]
    assert not fake.snapshots
    assert not fake.containers


async def test_the_lease_covers_prepare_and_goes_once_the_record_holds_the_snapshot(
    short_folder: Path,
) -> None:
    _, fake = await lived_with_fake(short_folder, answers={"Tasks.Create": grpc.StatusCode.UNKNOWN})
    order = [call for call, _, _ in fake.calls if not call.startswith(("Version", "Namespaces"))]
    assert order[:5] == [
        "Leases.Create",
        "Snapshots.Prepare",
        "Containers.Create",
        "Leases.Delete",
        "Tasks.Create",
    ]
    prepare = next(entry for entry in fake.calls if entry[0] == "Snapshots.Prepare")
    assert prepare[2].startswith("create-")


async def test_an_error_that_nobody_knows_is_unclassified_not_dropped(short_folder: Path) -> None:
    answers = {"Containers.Create": grpc.StatusCode.UNKNOWN}
    trial = await lived(short_folder, answers=answers, details="the moon is full")
    assert (trial.outcome, trial.bug_class) == (Outcome.FAILED, "unclassified")
    assert trial.mechanism == "unknown"


async def test_secondary_errors_do_not_hide_the_first(short_folder: Path) -> None:
    answers = {
        "Tasks.Create": grpc.StatusCode.UNKNOWN,
        "Snapshots.Remove": grpc.StatusCode.INTERNAL,
        "Containers.Delete": grpc.StatusCode.INTERNAL,
    }
    trial = await lived(short_folder, answers=answers, details=REFUSED)
    assert trial.bug_class == "create_rejected"
    assert (trial.error or "").startswith("Tasks.Create")
    assert [error.split(" ")[0] for error in trial.cleanup_errors] == [
        "Snapshots.Remove",
        "Containers.Delete",
    ]


async def test_a_judge_that_fails_does_not_acquit(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(verdict, "attribute", broken)
    trial = await lived(short_folder, answers={"Tasks.Create": grpc.StatusCode.UNKNOWN})
    assert (trial.outcome, trial.bug_class) == (Outcome.FAILED, "unclassified")


async def test_a_whole_plan_against_a_daemon_that_loses_answers_still_adds_up(
    short_folder: Path,
) -> None:
    done: list[Trial] = []
    socket = short_folder / "s"
    async with fake_containerd(socket) as fake, connect(socket) as client:
        fake.answers = {"Tasks.Start": grpc.StatusCode.UNAVAILABLE}
        node = Node(
            "fake", client, socket, "/iluvatar-bench/fake", None, short_folder, QUIET_COLLECTOR
        )
        setting = Setting("test-fake", node, IMAGE, PRESETS["guarded"], KillLog())
        await run_plan(setting, cold_start(trials=20, concurrency=7, seed=1), sinks=(done.append,))
    frame = trials_frame(done)
    check_accounting(frame)
    rates = failure_rates(frame).set_index("bug_class")
    assert rates.loc["unknown", "count"] == 20
    assert rates.loc["ok", "count"] == 0


async def test_a_sink_that_fails_ends_the_run(short_folder: Path) -> None:
    def full_disk(_: Trial) -> None:
        raise OSError("no space left on device")

    socket = short_folder / "s"
    async with fake_containerd(socket) as fake, connect(socket) as client:
        fake.answers = {"Tasks.Create": grpc.StatusCode.UNKNOWN}
        node = Node(
            "fake", client, socket, "/iluvatar-bench/fake", None, short_folder, QUIET_COLLECTOR
        )
        setting = Setting("test-fake", node, IMAGE, PRESETS["guarded"], KillLog())
        with pytest.raises(OSError, match="no space left on device"):
            await run_plan(setting, cold_start(trials=4, concurrency=2, seed=1), sinks=(full_disk,))


async def test_a_pooled_container_may_be_older_than_a_day(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event loop's clock jumps while the container is idle; a cold start's limit is passed."""
    loop = asyncio.get_running_loop()
    real = loop.time

    async def old(container: Container) -> None:
        monkeypatch.setattr(loop, "time", lambda: real() + 30 * 3600)
        for _ in range(5):
            await asyncio.sleep(0)

    outcomes = []
    for seconds in (0.0, None):
        home = short_folder / str(seconds)
        home.mkdir()
        monkeypatch.setattr(loop, "time", real)
        async with fake_containerd(home / "s") as fake, connect(home / "s") as client:
            node = Node(
                "fake", client, home / "s", "/iluvatar-bench/f", None, home, QUIET_COLLECTOR
            )
            setting = Setting("test-fake", node, IMAGE, PRESETS["guarded"], KillLog())
            fake.tasks[f"hello-{setting.run_id[-8:]}-00000"] = FakeTask(pid=1)
            fake.on_start = lambda task: Path(task.stderr).write_text(READY_TEXT)
            trial = await live_trial(setting, old, index=0, function="hello", seconds=seconds)
            outcomes.append(trial.bug_class)
    assert outcomes == ["deadline", None]


async def test_a_trial_has_the_time_to_become_ready_that_its_run_gives(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine under emulation a start takes minutes: no limit of the trial is shorter."""
    loop = asyncio.get_running_loop()
    real = loop.time

    def start_late(task: FakeTask) -> None:
        monkeypatch.setattr(loop, "time", lambda: real() + 200)
        Path(task.stderr).write_text(READY_TEXT)

    outcomes = []
    for ready_seconds in (20.0, 300.0):
        home = short_folder / str(ready_seconds)
        home.mkdir()
        monkeypatch.setattr(loop, "time", real)
        async with fake_containerd(home / "s") as fake, connect(home / "s") as client:
            node = Node(
                "fake", client, home / "s", "/iluvatar-bench/f", None, home, QUIET_COLLECTOR
            )
            setting = Setting(
                "late", node, IMAGE, PRESETS["guarded"], KillLog(), ready_seconds=ready_seconds
            )
            fake.tasks["hello-late-00000"] = FakeTask(pid=1)
            fake.on_start = start_late
            outcomes.append((await run_trial(setting, PLANNED)).bug_class)
    assert outcomes == ["deadline", None]
