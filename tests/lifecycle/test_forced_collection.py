"""The cause of mount errors and missing modules, made to happen and not to happen at will.

Every trial here runs on one containerd with a quiet collector: the only collections are the forced
ones. The slow suite repeats each with more trials.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from iluvatar_bench.containerd.daemon.private import Node, private_daemon
from iluvatar_bench.containerd.oci.image_import import ImportedImage, import_layout
from iluvatar_bench.functions import BuiltImage
from iluvatar_bench.lifecycle import KillLog
from iluvatar_bench.plans import cold_start
from iluvatar_bench.profiles import Profile, resolve_profile
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR
from iluvatar_bench.records import Outcome, Trial
from iluvatar_bench.runs.runner import run_plan
from iluvatar_bench.runs.trial import Setting
from tests.support.outcomes import not_ok

pytestmark = [pytest.mark.daemon, pytest.mark.asyncio(loop_scope="module")]

NUMBERS = itertools.count()
"""No two runs share a name: the worker of 2022 leaves its snapshots to the collector."""


def trials_each(few: int, many: int) -> pytest.MarkDecorator:
    """So many trials in the fast suite, and so many in the slow one."""
    return pytest.mark.parametrize("trials", [few, pytest.param(many, marks=pytest.mark.slow)])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def quiet_node() -> AsyncIterator[Node]:
    async with private_daemon(collector=QUIET_COLLECTOR) as node:
        yield node


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def image(quiet_node: Node, plain_hello: BuiltImage) -> ImportedImage:
    return await import_layout(
        quiet_node.client,
        plain_hello.layout,
        name=plain_hello.name,
        snapshotters=["overlayfs", "native"],
    )


async def run(
    node: Node, image: ImportedImage, profile: Profile, *, trials: int, concurrency: int = 4
) -> list[Trial]:
    done: list[Trial] = []
    plan = cold_start(trials=trials, concurrency=concurrency, seed=7, hold_ms=(10, 200))
    setting = Setting(f"f-{next(NUMBERS):06d}", node, image, profile, KillLog())
    await run_plan(setting, plan, sinks=(done.append,))
    assert sorted(trial.trial for trial in done) == list(range(trials))
    assert not any(trial.cleanup_errors for trial in done)
    return done


def named(trials: list[Trial]) -> set[tuple[str | None, str | None]]:
    return {(trial.bug_class, trial.mechanism) for trial in trials}


@trials_each(4, 12)
@pytest.mark.parametrize(
    ("step", "bug_class"),
    [("before_mount", "snapshot_overlay"), ("during_startup", "missing_packages")],
)
async def test_an_unreferenced_snapshot_fails_every_time(
    quiet_node: Node, image: ImportedImage, step: str, bug_class: str, trials: int
) -> None:
    profile = resolve_profile("iluvatar-2022-08", [f"collection={step}"])
    # One at a time: a neighbour's collection can forget this snapshot first, and its folder is then
    # removed by that one, perhaps after our own has returned.
    done = await run(quiet_node, image, profile, trials=trials, concurrency=1)
    assert named(done) == {(bug_class, "snapshot_collected")}
    for trial in done:
        assert trial.evidence["snapshot_found"] is False
        assert trial.evidence["upper_exists"] is False
        stat, upper, *lost = trial.evidence["facts"]
        assert "not found" in stat
        assert "no longer exists" in upper
        assert all("the container lost it" in fact for fact in lost)
        # Before the mount nothing runs that could miss a file.
        assert len(lost) == (step == "during_startup")


@trials_each(2, 8)
@pytest.mark.parametrize("reference", ["lease", "container"])
@pytest.mark.parametrize("step", ["before_mount", "before_start", "during_startup", "after_ready"])
async def test_a_reference_survives_the_same_collections(
    quiet_node: Node, image: ImportedImage, step: str, reference: str, trials: int
) -> None:
    profile = resolve_profile(
        "iluvatar-2022-08", [f"collection={step}", f"snapshot_reference={reference}"]
    )
    done = await run(quiet_node, image, profile, trials=trials)
    assert {trial.outcome for trial in done} == {Outcome.OK}, not_ok(done)
    # Nor is there damage that nobody has noticed.
    assert not any(trial.evidence for trial in done)


@trials_each(2, 8)
@pytest.mark.parametrize("step", ["before_start", "after_ready"])
async def test_there_are_collections_that_nobody_notices(
    quiet_node: Node, image: ImportedImage, step: str, trials: int
) -> None:
    """The trial goes well, and its evidence says that the snapshot is gone all the same.

    Before Start no folder is merged yet, so under overlayfs every look-up goes on to the image's
    own layers: this is why a longer pause between create and start makes import errors rarer.
    After ready, nobody looks for anything more.
    """
    profile = resolve_profile("iluvatar-2022-08", [f"collection={step}"])
    done = await run(quiet_node, image, profile, trials=trials)
    assert {trial.outcome for trial in done} == {Outcome.OK}, not_ok(done)
    assert [trial.evidence for trial in done] == [{"latent": "snapshot_collected"}] * trials


@trials_each(3, 30)
async def test_without_a_collection_the_unreferenced_snapshot_is_harmless(
    quiet_node: Node, image: ImportedImage, trials: int
) -> None:
    """The collector is the cause, and nothing else."""
    profile = resolve_profile("iluvatar-2022-08", ["collection=quiet"])
    done = await run(quiet_node, image, profile, trials=trials)
    assert {trial.outcome for trial in done} == {Outcome.OK}, not_ok(done)


@trials_each(1, 3)
async def test_the_native_snapshotter_is_affected_alike(
    quiet_node: Node, image: ImportedImage, trials: int
) -> None:
    for step, classes in (
        ("before_mount", {"snapshot_overlay"}),
        # Its whole directory goes, so the next look-up of any kind fails.
        ("during_startup", {"missing_packages"}),
        # Nothing is left to start: runc's init misses /proc, and Python never runs.
        ("before_start", {"startup_error"}),
    ):
        profile = resolve_profile("iluvatar-2022-08", ["snapshotter=native", f"collection={step}"])
        done = await run(quiet_node, image, profile, trials=trials, concurrency=1)
        assert {trial.bug_class for trial in done} == classes, not_ok(done)
        assert {trial.mechanism for trial in done} == {"snapshot_collected"}


async def test_guarded_trials_leave_no_object_behind(
    quiet_node: Node, image: ImportedImage
) -> None:
    client = quiet_node.client
    before = await client.snapshots("overlayfs").list()
    trials = await run(quiet_node, image, resolve_profile("guarded"), trials=4)
    assert {trial.outcome for trial in trials} == {Outcome.OK}, not_ok(trials)
    assert await client.containers.list() == ()
    assert await client.tasks.list() == ()
    assert await client.leases.list() == ()
    assert await client.snapshots("overlayfs").list() == before
    assert list(quiet_node.scratch.iterdir()) == []
    for trial in trials:
        assert {"prepare_ms", "start_ms", "ready_ms", "delete_ms"} <= set(trial.steps)
