"""Each level of ``cgroup`` against a neighbour's Kill of every process, and where the path lies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from signal import SIGKILL

import pytest

from iluvatar_bench.bugs import BugClass, Evidence, Mechanism, attribute
from iluvatar_bench.bugs.symptom import error_symptom
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.errors import ContainerdError, DaemonFault
from iluvatar_bench.host.kernel import cgroups
from iluvatar_bench.host.kernel.cgroup_names import EXAMPLE_PATH
from iluvatar_bench.host.kernel.controllers import WANTED, missing_controllers
from iluvatar_bench.lifecycle import KillLog, remove_container
from iluvatar_bench.lifecycle.cgroup_choice import chosen_cgroup
from iluvatar_bench.lifecycle.container import Container
from iluvatar_bench.profiles import Profile, resolve_profile
from iluvatar_bench.runs.failing import Before
from iluvatar_bench.runs.trial import Setting, collect_evidence
from tests.audit.clients import RawWorker
from tests.support.witnesses import witnessed

FIRST, SECOND = "hello-testing1-00006", "hello-testing1-00007"
"""Named as the trials of a run are: these two are a pair."""


def profile_of(level: str) -> Profile:
    settings = [f"cgroup={level}", "kill=all", "removal=ordered", "collection=quiet"]
    return resolve_profile("guarded", settings)


def path_of(level: str, container_id: str, *, unified: bool = False) -> str:
    return chosen_cgroup(
        profile_of(level), parent="/iluvatar-bench/p", container_id=container_id, unified=unified
    ).path


def test_paths_are_equal_nested_or_own() -> None:
    for level in ("shared", "relative", "example"):
        assert path_of(level, FIRST) == path_of(level, SECOND)
    assert path_of("example", FIRST).endswith(f"/{EXAMPLE_PATH}")
    assert path_of("own", FIRST) != path_of("own", SECOND)
    assert path_of("nested", SECOND) == f"{path_of('nested', FIRST)}/{SECOND}"
    # A resumed run names its containers with a number behind; pairs are those of the trials.
    assert path_of("nested", f"{SECOND}-2") == f"{path_of('nested', FIRST)}/{SECOND}-2"
    # Another pair, another function's trial of the same pair, and what is no trial's container.
    assert path_of("nested", "hello-testing1-00008") == "/iluvatar-bench/p/pair-testing1-00008"
    assert path_of("nested", "other-testing1-00006") == path_of("nested", FIRST)
    assert path_of("nested", "by-hand") == "/iluvatar-bench/p/by-hand"
    assert "/shims/" not in path_of("relative", FIRST, unified=True)


@asynccontextmanager
async def container_of(
    node: Node, image: ImportedImage, level: str, container_id: str, kills: KillLog
) -> AsyncIterator[Container]:
    container = Container(
        container_id, node=node, image=image, profile=profile_of(level), kills=kills
    )
    try:
        await container.create()
        await container.start()
        yield container
    finally:
        container.close()


async def skip_if_refused(work: Callable[[], Awaitable[None]]) -> None:
    """runc 1.2 and later refuse a cgroup that is occupied: masked, not fixed."""
    try:
        await work()
    except ContainerdError as error:
        if "cgroup is not empty" not in str(error):
            raise
        assert error_symptom(str(error)) is BugClass.CREATE_REJECTED
        pytest.skip("this runc refuses a cgroup that is occupied")


NESTED_IS_THREADED = cgroups.mode() == "v2" and len(missing_controllers()) < len(WANTED)
nested = pytest.mark.skipif(NESTED_IS_THREADED, reason="a nested cgroup is a threaded one here")


@pytest.mark.daemon
@pytest.mark.parametrize("level", ["relative", pytest.param("nested", marks=nested), "example"])
async def test_a_neighbours_kill_all_reaches_over(
    quiet_node: Node, image: ImportedImage, level: str
) -> None:
    kills = KillLog()

    async def lived() -> None:
        async with AsyncExitStack() as stack:
            monitor = await stack.enter_async_context(witnessed(quiet_node))
            before = Before(oom_kills=0, at=time.time())
            profile = profile_of(level)
            setting = Setting("test-levels", quiet_node, image, profile, kills, monitor=monitor)
            first, second = [
                await stack.enter_async_context(
                    container_of(quiet_node, image, level, container_id, kills)
                )
                for container_id in (FIRST, SECOND)
            ]
            members = cgroups.members(first.cgroup, recursive=True) or frozenset()
            assert {first.pid, second.pid} <= members
            # Where it lies is below the cgroup of ours, in every hierarchy that there is.
            assert first.cgroup.startswith(f"{quiet_node.cgroup_parent}/")
            await remove_container(first)
            assert second.exited is not None
            status = await asyncio.wait_for(asyncio.shield(second.exited), 10)
            assert status.status == 128 + SIGKILL
            death = second.death(status)
            failure = await collect_evidence(setting, second, death, before)
            verdict = attribute(BugClass.PROCESS_DIED, failure.evidence)
            await remove_container(second)
        assert (verdict.bug_class, verdict.mechanism) == (
            BugClass.PROCESS_DIED,
            Mechanism.COLLATERAL_KILL,
        )
        where = "above its own" if level == "nested" else "the same cgroup"
        assert FIRST in verdict.facts[0], "who sent the signal"
        assert f"Kill(all) of {FIRST}" in verdict.facts[1]
        assert where in verdict.facts[1]

    await skip_if_refused(lived)


@pytest.mark.daemon
@nested
async def test_a_kill_all_goes_down_and_not_up(quiet_node: Node, image: ImportedImage) -> None:
    kills = KillLog()
    async with (
        container_of(quiet_node, image, "nested", FIRST, kills) as upper,
        container_of(quiet_node, image, "nested", SECOND, kills) as lower,
    ):
        await remove_container(lower)
        await upper.stay_alive(0.5)
        await remove_container(upper)


@pytest.mark.daemon
@pytest.mark.skipif(not NESTED_IS_THREADED, reason="a nested cgroup is one as any other here")
async def test_of_version_2_with_controllers_no_kill_all_reaches_a_nested_one(
    quiet_node: Node, image: ImportedImage
) -> None:
    """Nor one above it: whoever lists the processes there comes upon the threaded cgroup."""
    kills = KillLog()

    async def lived() -> None:
        async with (
            container_of(quiet_node, image, "nested", FIRST, kills) as upper,
            container_of(quiet_node, image, "nested", SECOND, kills) as lower,
        ):
            for container in (upper, lower):
                with pytest.raises(DaemonFault, match="operation not supported") as refused:
                    await quiet_node.client.tasks.kill(
                        container.id, signal=SIGKILL, all_processes=True
                    )
                error = str(refused.value)
                verdict = attribute(error_symptom(error), Evidence(error=error, step="kill"))
                assert verdict.bug_class is BugClass.REMOVAL_FAILED
                assert verdict.mechanism is Mechanism.CGROUP_OCCUPIED
            await lower.stay_alive(0.5)
            # It ends all the same, by its number.
            with pytest.raises(DaemonFault, match="ended by a signal from outside"):
                await remove_container(lower)
            await upper.stay_alive(0.5)
            await remove_container(upper)

    await skip_if_refused(lived)


@pytest.mark.daemon
@pytest.mark.skipif(cgroups.mode() == "v2", reason="version 2 has no files of devices")
async def test_an_upper_one_is_refused_once_there_is_one_below(
    quiet_node: Node, image: ImportedImage
) -> None:
    """The kernel denies no devices to a cgroup of version 1 that has others below it."""
    kills = KillLog()
    async with container_of(quiet_node, image, "nested", SECOND, kills) as lower:
        upper = Container(
            FIRST, node=quiet_node, image=image, profile=profile_of("nested"), kills=kills
        )
        with pytest.raises(DaemonFault) as refused:
            await upper.create()
        setting = Setting("test-levels", quiet_node, image, profile_of("nested"), kills)
        failure = await collect_evidence(setting, upper, refused.value, Before(oom_kills=None))
        symptom = error_symptom(str(refused.value))
        assert symptom is BugClass.CGROUP_SETUP, "what the text alone says"
        verdict = attribute(symptom, failure.evidence)
        assert verdict.bug_class is BugClass.CREATE_REJECTED
        assert verdict.mechanism is Mechanism.CGROUP_OCCUPIED
        await remove_container(upper)
        upper.close()
        await lower.stay_alive(0.0)
        await remove_container(lower)


@pytest.mark.daemon
async def test_a_relative_path_of_ones_own_harms_no_neighbour(
    quiet_node: Node, image: ImportedImage
) -> None:
    """What kills is that the path is one for all: relative ones of their own are safe by it.

    The shims are in a cgroup of ours, so that this is where the paths are relative to.
    """
    client, shims = quiet_node.client, f"{quiet_node.cgroup_parent}/shims"
    cgroups.make(shims)
    worker = RawWorker(node=quiet_node, image=image, named_snapshot=True)
    for name in ("one", "two"):
        record = worker.record(name)
        linux = {**record.spec["linux"], "cgroupsPath": f"iluvatar-bench-{quiet_node.id}-{name}"}
        await client.containers.create(replace(record, spec={**record.spec, "linux": linux}))
        mounts = await client.snapshots("overlayfs").prepare(name, parent=image.chain_id)
        output = quiet_node.scratch / f"{name}.out"
        output.touch()
        await client.tasks.create(
            name, rootfs=mounts, stdout=output, stderr=output,
            runc_root=quiet_node.runc_root, shim_cgroup=shims,
        )  # fmt: skip
        await client.tasks.start(name)
    below = shims if cgroups.mode() != "v2" else quiet_node.cgroup_parent
    for name in ("one", "two"):
        assert cgroups.members(f"{below}/iluvatar-bench-{quiet_node.id}-{name}")
    exits = {n: asyncio.ensure_future(client.tasks.wait_exit(n)) for n in ("one", "two")}
    await client.tasks.kill("one", signal=SIGKILL, all_processes=True)
    await asyncio.wait_for(exits["one"], 10)
    done, _ = await asyncio.wait([exits["two"]], timeout=0.5)
    assert not done
    await client.tasks.kill("two", signal=SIGKILL, all_processes=True)
    await asyncio.wait_for(exits["two"], 10)
