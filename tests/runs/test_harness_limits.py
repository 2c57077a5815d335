"""The harness's own limits and mistakes are no failures of containers, and end no other trial."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from iluvatar_bench.containerd.client import Client, connect
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.errors import EnvironmentProblem
from iluvatar_bench.host.network.attachment import NetworkMode, NetworkSettings
from iluvatar_bench.host.network.networks import open_network
from iluvatar_bench.host.process_limits import (
    Limit,
    limits_for,
    raise_descriptor_limit,
    require_limits,
)
from iluvatar_bench.lifecycle import Container, KillLog
from iluvatar_bench.lifecycle.invocation import open_invoker
from iluvatar_bench.plans import cold_start
from iluvatar_bench.profiles import PRESETS
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR
from iluvatar_bench.records import Outcome, Trial, UnknownClass
from iluvatar_bench.records.frames import trials_frame
from iluvatar_bench.report import comparison_table
from iluvatar_bench.runs.runner import run_plan
from iluvatar_bench.runs.trial import Setting, live_trial
from iluvatar_bench.stats import check_accounting, describe_sides, failure_rates
from tests.support.command import command
from tests.support.descriptors import open_descriptors
from tests.support.fake_containerd import fake_containerd
from tests.support.networks import serving

IMAGE = ImportedImage("i", "sha256:0", "sha256:chain", ("/bin/x",), {}, "/")
STARTS = 300
DESCRIPTORS = 1100


def setting_of(client: Client, folder: Path) -> Setting:
    node = Node("f", client, folder / "s", "/iluvatar-bench/fake", None, folder, QUIET_COLLECTOR)
    return Setting("test-limits", node, IMAGE, PRESETS["guarded"], KillLog())


def inotify_instances() -> int:
    return [str(link) for _, link in open_descriptors()].count("anon_inode:inotify")


async def test_300_starts_at_once_take_one_inotify_instance(short_folder: Path) -> None:
    socket = short_folder / "s"
    before = inotify_instances()
    done: list[Trial] = []
    async with asyncio.timeout(120), fake_containerd(socket) as fake, connect(socket) as client:
        fake.runs_processes = True
        fake.starting.clear()
        setting = setting_of(client, short_folder)
        plan = cold_start(trials=STARTS, concurrency=STARTS, seed=1, hold_ms=(0, 1))
        run = asyncio.create_task(run_plan(setting, plan, sinks=(done.append,)))
        while sum(call == "Tasks.Start" for call, _, _ in fake.calls) < STARTS:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        assert inotify_instances() <= before + 1
        fake.starting.set()
        await run
    assert [trial.error for trial in done if trial.outcome is not Outcome.OK] == []
    assert len(done) == STARTS
    assert inotify_instances() == before


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """More of them open than select(2) can name."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    raise_descriptor_limit()
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft > DESCRIPTORS + 200, "the hard limit of the machine that runs the tests"
    with ExitStack() as stack:
        for _ in range(DESCRIPTORS):
            stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limit)


@pytest.mark.usefixtures("many_descriptors")
async def test_with_1100_descriptors_open_containers_start_and_answer(short_folder: Path) -> None:
    done: list[Trial] = []
    async with (
        fake_containerd(short_folder / "s") as fake,
        connect(short_folder / "s") as client,
        open_network(NetworkSettings(mode=NetworkMode.HOST)) as network,
        open_invoker(network.book) as invoker,
    ):
        fake.runs_processes = True
        plan = cold_start(trials=8, concurrency=4, seed=1, hold_ms=(0, 1))
        await run_plan(setting_of(client, short_folder), plan, sinks=(done.append,))
        attachment = await network.attach()
        with serving(attachment):
            assert (await invoker.ping(attachment, timeout_seconds=20)).ok
            assert (await invoker.invoke(attachment, {}, timeout_seconds=20)).ok
        await network.detach(attachment)
    assert [trial.error for trial in done if trial.outcome is not Outcome.OK] == []


async def with_a_mistake(folder: Path, mistake: Exception) -> list[Trial]:
    """Three trials at a time, of which the middle one meets a mistake of this program."""

    async def live(_: Container) -> None:
        return None

    async def break_down(_: Container) -> None:
        raise mistake

    async with fake_containerd(folder / "s") as fake, connect(folder / "s") as client:
        fake.runs_processes = True
        setting = setting_of(client, folder)
        trials = await asyncio.gather(
            *(
                live_trial(
                    setting,
                    break_down if index == 1 else live,
                    index=index,
                    function="hello",
                    seconds=1,
                )
                for index in range(3)
            )
        )
        assert not fake.containers
        assert not fake.tasks, "it is removed all the same"
    return list(trials)


@pytest.mark.parametrize(
    "mistake",
    [
        ZeroDivisionError("division by zero"),
        OSError(24, "Too many open files"),
        ExceptionGroup("several", [ValueError("x")]),
        AssertionError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_mistake_of_ours_is_unknown_and_ends_no_other_trial(
    short_folder: Path, mistake: Exception
) -> None:
    trials = await with_a_mistake(short_folder, mistake)
    assert [trial.outcome for trial in trials] == [Outcome.OK, Outcome.UNKNOWN, Outcome.OK]
    broken = trials[1]
    assert (broken.unknown_class, broken.bug_class) == (UnknownClass.HARNESS_ERROR, None)
    assert (broken.error or "").startswith(f"{type(mistake).__name__}: ")
    assert broken.failed_step == "ready"
    frame = trials_frame(trials)
    check_accounting(frame)
    rates = failure_rates(frame).set_index(["kind", "bug_class"])["count"]
    assert rates["unknown_class", "harness_error"] == rates["outcome", "unknown"] == 1
    assert rates["unknown_class", "answer_lost"] == 0
    assert rates["outcome"].sum() == 3
    assert comparison_table(failure_rates(frame)).loc["harness_error", "guarded"].startswith("1/3")
    compared = describe_sides([frame], [frame]).set_index("bug_class")
    assert compared.loc["harness_error", "candidate_count"] == 1


async def test_a_container_that_cannot_even_be_made_is_a_mistake_of_ours(
    short_folder: Path,
) -> None:
    async with fake_containerd(short_folder / "s") as fake, connect(short_folder / "s") as client:
        setting = setting_of(client, short_folder)
        (short_folder / setting.container_id("hello", 0)).mkdir()

        async def live(_: Container) -> None:
            return None

        trial = await live_trial(setting, live, index=0, function="hello", seconds=1)
        assert trial.unknown_class == UnknownClass.HARNESS_ERROR
        assert "FileExistsError" in (trial.error or "")
        assert [call for call, _, _ in fake.calls if call.startswith("Leases")] == []


def test_limits_are_compared_with_what_is_asked() -> None:
    names = [limit.name for limit in limits_for(4)]
    assert names == ["open files", "inotify instances", "inotify watches", "processes and threads"]
    few, many = (limits_for(number)[0] for number in (4, 300))
    assert many.needed > few.needed
    assert Limit(name="x", have=None, needed=10**9, remedy="").enough
    require_limits(1)
    with pytest.raises(EnvironmentProblem, match=r"containers at a time need .* fewer at a time"):
        require_limits(10**9)


def test_doctor_compares_the_limits_with_the_asked_concurrency() -> None:
    done = command("doctor", "--concurrency", str(10**7))
    assert done.returncode == 1
    line = next(text for text in done.stdout.splitlines() if "open files" in text)
    assert "MISSING" in line
    assert "10000000 containers at a time" in line
