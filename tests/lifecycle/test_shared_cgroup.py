"""The cause of healthy processes dying: one cgroup for all, and a Kill of all in it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from iluvatar_bench.bugs import BugClass, Mechanism, attribute
from iluvatar_bench.bugs.symptom import error_symptom
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.errors import ContainerdError, ProcessDied
from iluvatar_bench.lifecycle import KillLog, remove_container
from iluvatar_bench.lifecycle.container import Container, open_container
from iluvatar_bench.plans import PlannedTrial
from iluvatar_bench.profiles import Profile, resolve_profile
from iluvatar_bench.runs.failing import Before
from iluvatar_bench.runs.trial import Setting, collect_evidence, run_trial
from tests.support.waiting import wait_for
from tests.support.witnesses import witnessed

pytestmark = pytest.mark.daemon


def profile_with(cgroup: str, kill: str) -> Profile:
    return resolve_profile("guarded", [f"cgroup={cgroup}", f"kill={kill}", "collection=quiet"])


@asynccontextmanager
async def two_containers(
    node: Node, image: ImportedImage, profile: Profile
) -> AsyncIterator[tuple[Container, Container, Setting]]:
    kills = KillLog()
    first, second = (
        Container(name, node=node, image=image, profile=profile, kills=kills)
        for name in ("first", "second")
    )
    try:
        async with witnessed(node) as monitor:
            for container in (first, second):
                await container.create()
                await container.start()
            yield (
                first,
                second,
                Setting("test-cgroup", node, image, profile, kills, monitor=monitor),
            )
    finally:
        first.close()
        second.close()


async def test_a_neighbours_kill_all_ends_the_other(quiet_node: Node, image: ImportedImage) -> None:
    profile = profile_with("shared", "all")
    try:
        async with two_containers(quiet_node, image, profile) as (first, second, setting):
            # The witness was there before, and the second one's life goes on from here.
            before = Before(oom_kills=0, at=time.time())
            await remove_container(first)
            assert second.exited is not None
            with pytest.raises(ProcessDied, match=r"second was ready and ended with status 137"):
                await second.stay_alive(10)
            died = second.death(await second.exited)
            failure = await collect_evidence(setting, second, died, before)
            verdict = attribute(BugClass.PROCESS_DIED, failure.evidence)
            await remove_container(second)
    except ContainerdError as error:
        # runc 1.2 and later refuse the shared cgroup: masked, not fixed.
        assert error_symptom(str(error)) is BugClass.CREATE_REJECTED
        assert "cgroup is not empty" in str(error)
        pytest.skip("this runc refuses a cgroup that is occupied")
    assert (verdict.bug_class, verdict.mechanism) == (
        BugClass.PROCESS_DIED,
        Mechanism.COLLATERAL_KILL,
    )
    assert "first" in verdict.facts[0], "who sent the signal"
    assert "Kill(all) of first" in verdict.facts[1]


async def test_in_a_cgroup_of_its_own_it_lives(quiet_node: Node, image: ImportedImage) -> None:
    profile = profile_with("own", "all")
    async with two_containers(quiet_node, image, profile) as (first, second, _):
        await remove_container(first)
        await second.stay_alive(1.0)
        assert second.exited is not None
        assert not second.exited.done()
        await remove_container(second)


async def test_a_death_just_before_our_own_kill_is_not_taken_for_ours(
    quiet_node: Node, image: ImportedImage
) -> None:
    """Nobody was watching: only the times of exit and Kill tell."""
    profile = profile_with("own", "init")
    async with two_containers(quiet_node, image, profile) as (first, second, _):
        await quiet_node.client.tasks.kill("second", signal=9, all_processes=False)
        assert second.exited is not None
        await asyncio.wait((second.exited,), timeout=10)
        with pytest.raises(ProcessDied):
            await remove_container(second)
        await remove_container(first)


STRICT_RUNC = """\
#!/usr/bin/env python3
import json, os, sys
from pathlib import Path

arguments = sys.argv[1:]
if "create" in arguments:
    bundle = Path(arguments[arguments.index("--bundle") + 1])
    path = json.loads((bundle / "config.json").read_text())["linux"]["cgroupsPath"].lstrip("/")
    homes = [Path("/sys/fs/cgroup/pids", path), Path("/sys/fs/cgroup", path)]
    count = sum(len((h / "cgroup.procs").read_text().split()) for h in homes if h.is_dir())
    if count:
        message = f"runc create failed: unable to start container process: SAID"
        log = Path(arguments[arguments.index("--log") + 1])
        log.write_text(json.dumps({"level": "error", "msg": message}))
        sys.exit(1)
os.execvp("runc", ["runc", *arguments])
"""
"""A runc that refuses an occupied cgroup, and leaves the rest to the installed one.

Its refusal travels the real way: runc's log file, the shim, containerd, gRPC.
"""


@pytest.mark.parametrize(
    "said",
    [
        # From 1.2 on.
        "unable to apply cgroup configuration: container's cgroup is not empty: {count} "
        "process(es) found",
        # Of version 2, where another runtime was at the same cgroup's devices.
        "error during container init: error setting cgroup config for procHooks process: failed to "
        "call BPF_PROG_DETACH (BPF_CGROUP_DEVICE) on old filter program: can't detach program: no "
        "such file or directory",
    ],
)
async def test_a_runtime_that_refuses_an_occupied_cgroup(
    quiet_node: Node, image: ImportedImage, tmp_path: Path, said: str
) -> None:
    runtime = tmp_path / "strict-runc"
    runtime.write_text(STRICT_RUNC.replace("SAID", said))
    runtime.chmod(0o755)
    node = replace(quiet_node, runtime_binary=runtime)
    setting = Setting("test-strict", node, image, profile_with("shared", "all"), KillLog())
    first = Container("first", node=node, image=image, profile=setting.profile, kills=setting.kills)
    await first.create()
    await first.start()
    trial = await run_trial(setting, PlannedTrial(index=1, function="hello", hold_ms=0))
    assert (trial.bug_class, trial.mechanism) == ("create_rejected", "cgroup_occupied")
    assert trial.failed_step == "task_create"
    assert trial.evidence is not None
    assert trial.evidence["proven"], "by the words, or since the cgroup was never away"
    await first.stay_alive(0.0)
    await remove_container(first)
    first.close()


HOOKED_RUNC = """\
#!/usr/bin/env python3
import json, os, sys
from pathlib import Path

arguments = sys.argv[1:]
if "create" in arguments:
    path = Path(arguments[arguments.index("--bundle") + 1], "config.json")
    config = json.loads(path.read_text())
    waiting = "touch made; for i in $(seq 500); do [ -e go ] && break; sleep .02; done"
    hook = {"path": "/bin/sh", "args": ["sh", "-c", f"cd FOLDER; {waiting}"]}
    config["hooks"] = {"createRuntime": [hook]}
    path.write_text(json.dumps(config))
os.execvp("runc", ["runc", *arguments])
"""
"""The installed runc, which stays inside a create until it is told to go on.

Hooks of this kind run once the init is in its cgroup (runtime-spec, config.md, POSIX-platform
Hooks).
"""


async def test_what_dies_inside_create_is_told_by_the_kernel(
    quiet_node: Node, image: ImportedImage, tmp_path: Path
) -> None:
    """Nobody was told the PID of an init that a neighbour's Kill ends before Create's answer."""
    runtime = tmp_path / "hooked-runc"
    runtime.write_text(HOOKED_RUNC.replace("FOLDER", str(tmp_path)))
    runtime.chmod(0o755)
    profile, kills = profile_with("shared", "all"), KillLog()
    neighbour = f"neighbour-{os.getpid()}"
    hooked = replace(quiet_node, runtime_binary=runtime)
    async with (
        witnessed(quiet_node) as monitor,
        open_container(
            neighbour, node=quiet_node, image=image, profile=profile, kills=kills
        ) as first,
    ):
        await first.create()
        await first.start()
        setting = Setting("test-hit", hooked, image, profile, kills, monitor=monitor)
        planned = PlannedTrial(index=os.getpid(), function="hello", hold_ms=0)
        living = asyncio.create_task(run_trial(setting, planned))
        await asyncio.to_thread(wait_for, lambda: living.done() or (tmp_path / "made").exists())
        await quiet_node.client.tasks.kill(neighbour, signal=9, all_processes=True)
        (tmp_path / "go").touch()
        trial = await living
        with pytest.raises(ProcessDied, match="this client had not killed it"):
            await remove_container(first)
    if trial.mechanism == "cgroup_occupied":
        pytest.skip("this runc refuses a cgroup that is occupied")
    assert (trial.failed_step, trial.bug_class) == ("task_create", "create_rejected")
    assert (trial.mechanism, trial.evidence["proven"]) == ("collateral_kill", True), trial.error
    assert "pid" not in trial.evidence
    assert f"of container {neighbour}, sent signal 9" in trial.evidence["facts"][0]
