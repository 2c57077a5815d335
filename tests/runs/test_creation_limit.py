"""How many containers are made at a time: by the order of the calls that a daemon is asked."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import pytest

from iluvatar_bench.containerd.client import connect
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.lifecycle import KillLog
from iluvatar_bench.plans import PlannedTrial
from iluvatar_bench.profiles import PRESETS
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR
from iluvatar_bench.records import Outcome, Trial
from iluvatar_bench.runs.trial import Setting, run_trial
from tests.support.fake_containerd import FakeContainerd, fake_containerd
from tests.support.outcomes import not_ok

IMAGE = ImportedImage("i", "sha256:0", "sha256:chain", ("/bin/x",), {}, "/")


async def made_at_once(
    folder: Path, *, limit: int | None, failing: bool = False
) -> tuple[FakeContainerd, list[Trial]]:
    socket = folder / "s"
    async with fake_containerd(socket) as fake, connect(socket) as client:
        fake.runs_processes = True
        if failing:
            fake.answers = {"Tasks.Create": grpc.StatusCode.UNKNOWN}
        node = Node("fake", client, socket, "/iluvatar-bench/fake", None, folder, QUIET_COLLECTOR)
        turns = None if limit is None else asyncio.Semaphore(limit)
        profile = PRESETS["guarded"]
        setting = Setting("limited", node, IMAGE, profile, KillLog(), creations=turns)
        trials = await asyncio.gather(
            *(run_trial(setting, PlannedTrial(n, "hello", hold_ms=0)) for n in range(6))
        )
        return fake, trials


def most_at_a_time(fake: FakeContainerd) -> int:
    """From a container's Prepare to its Tasks.Start, as the daemon was asked."""
    making: set[str] = set()
    most = 0
    for call, subject, _ in fake.calls:
        if call == "Snapshots.Prepare":
            making.add(subject)
        elif call == "Tasks.Start":
            making.discard(subject)
        most = max(most, len(making))
    return most


@pytest.mark.parametrize("limit", [1, 2])
async def test_no_more_are_made_at_a_time_than_the_limit(short_folder: Path, limit: int) -> None:
    fake, trials = await made_at_once(short_folder, limit=limit)
    assert most_at_a_time(fake) == limit
    assert {trial.outcome for trial in trials} == {Outcome.OK}, not_ok(trials)
    waited = [span for trial in trials for span in trial.spans if span.name == "turn"]
    assert len(waited) == 6


async def test_without_a_limit_all_are_made_at_once(short_folder: Path) -> None:
    fake, _ = await made_at_once(short_folder, limit=None)
    assert most_at_a_time(fake) > 2


async def test_who_fails_gives_its_turn_to_the_next(short_folder: Path) -> None:
    fake, trials = await made_at_once(short_folder, limit=1, failing=True)
    assert len([call for call, _, _ in fake.calls if call == "Tasks.Create"]) == 6
    assert {trial.outcome for trial in trials} == {Outcome.FAILED}
