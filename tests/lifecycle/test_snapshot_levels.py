"""Each level of ``snapshot_reference`` against a collection at each step: where its window lies.

The oracle is containerd: its collector is quiet, and the only collections are the forced ones.
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
from iluvatar_bench.profiles import FORCED_COLLECTIONS, resolve_profile
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR
from iluvatar_bench.records import Outcome, Trial
from iluvatar_bench.runs.leaks import take_inventory
from iluvatar_bench.runs.runner import run_plan
from iluvatar_bench.runs.trial import Setting

pytestmark = [pytest.mark.daemon, pytest.mark.asyncio(loop_scope="module")]

NUMBERS = itertools.count()

OVERLAY = ("snapshot_overlay", "snapshot_collected")
PACKAGES = ("missing_packages", "snapshot_collected")
PARENT = ("snapshot_not_found", "parent_collected")
LATENT = "latent"
"""It went well, on a snapshot that is gone."""

UNHELD = {
    "after_prepare": OVERLAY,
    "before_mount": OVERLAY,
    "before_start": LATENT,
    "during_startup": PACKAGES,
    "after_ready": LATENT,
}
"""A snapshot that nothing holds from Prepare on."""

HARM: dict[str, dict[str, object]] = {
    "none": UNHELD,
    "container": {},
    "lease": {},
    # Between Prepare and the record: at one step only, and no look at the record shows it.
    "record_late": {"after_prepare": OVERLAY},
    # Once its lease has ended, the record without a key is as good as none.
    "lease_short": UNHELD,
    "lease_pruned": UNHELD,
    # The container's own snapshot holds what it stands on; before there is one, nothing does.
    "parent_unheld": {"before_prepare": PARENT},
}
"""By level and step what a collection there does; what is not named is unharmed."""

FAST = {
    ("record_late", "after_prepare"),
    ("record_late", "before_mount"),
    ("lease_short", "before_mount"),
    ("lease_short", "during_startup"),
    ("lease_pruned", "after_prepare"),
    ("lease_pruned", "during_startup"),
    ("parent_unheld", "before_prepare"),
    ("parent_unheld", "after_prepare"),
    ("parent_unheld", "during_startup"),
    ("lease", "before_prepare"),
    ("lease", "after_prepare"),
}
"""Each window, and a step beside it; the slow suite has all."""


def every_step() -> list[object]:
    return [
        pytest.param(
            level, step, marks=[] if (level, step) in FAST else [pytest.mark.slow]
        )
        for level in HARM
        for step in FORCED_COLLECTIONS
    ]  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def quiet_node() -> AsyncIterator[Node]:
    async with private_daemon(collector=QUIET_COLLECTOR) as node:
        yield node


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def image(quiet_node: Node, plain_hello: BuiltImage) -> ImportedImage:
    return await import_layout(
        quiet_node.client, plain_hello.layout, name=plain_hello.name, snapshotters=["overlayfs"]
    )


async def run(
    node: Node, image: ImportedImage, *settings: str, trials: int, concurrency: int = 1
) -> list[Trial]:
    done: list[Trial] = []
    plan = cold_start(trials=trials, concurrency=concurrency, seed=7, hold_ms=(10, 50))
    profile = resolve_profile("guarded", list(settings))
    setting = Setting(f"s-{next(NUMBERS):06d}", node, image, profile, KillLog())
    await run_plan(setting, plan, sinks=(done.append,))
    assert not any(trial.cleanup_errors for trial in done)
    return done


def found(trial: Trial) -> object:
    if trial.outcome is Outcome.OK:
        return LATENT if trial.evidence.get("latent") == "snapshot_collected" else None
    return (trial.bug_class, trial.mechanism)


@pytest.mark.parametrize(("level", "step"), every_step())
async def test_a_collection_harms_in_the_levels_window_and_nowhere_else(
    quiet_node: Node, image: ImportedImage, level: str, step: str
) -> None:
    before = await take_inventory(quiet_node, snapshotters=["overlayfs"])
    (trial,) = await run(
        quiet_node, image, f"snapshot_reference={level}", f"collection={step}", trials=1
    )
    assert found(trial) == HARM[level].get(step)
    # Nothing stays of leases, layers and snapshots, whichever of them the collection took.
    after = await take_inventory(quiet_node, snapshotters=["overlayfs"])
    assert after.beyond(before) == {}
    layers = {snapshot.name for snapshot in await quiet_node.client.snapshots("overlayfs").list()}
    assert not any(trial.container_id in name for name in layers)


@pytest.mark.parametrize("level", ["lease_short", "lease_pruned", "record_late", "parent_unheld"])
async def test_without_a_collection_no_level_harms(
    quiet_node: Node, image: ImportedImage, level: str
) -> None:
    """Neither an expiry nor a prune takes anything: the collector does."""
    done = await run(
        quiet_node, image, f"snapshot_reference={level}", "collection=quiet",
        trials=2, concurrency=2,
    )  # fmt: skip
    assert [found(trial) for trial in done] == [None, None]


async def test_a_layer_that_is_lost_is_named_with_the_proof(
    quiet_node: Node, image: ImportedImage
) -> None:
    (trial,) = await run(
        quiet_node, image, "snapshot_reference=parent_unheld", "collection=before_prepare",
        trials=1,
    )  # fmt: skip
    assert trial.failed_step == "prepare"
    layer = f"layer-{trial.container_id}"
    assert f"parent snapshot {layer} does not exist" in str(trial.error)
    assert trial.evidence["parents"][0]["name"] == layer
    assert trial.evidence["facts"] == [f"Snapshots.Stat of the committed snapshot {layer} below "
                                       "it: not found"]  # fmt: skip


async def test_a_prune_reaches_the_containers_of_its_own_profile_only(
    quiet_node: Node, image: ImportedImage
) -> None:
    leases = quiet_node.client.leases
    await leases.create("import-of-another", expires_in_seconds=600)
    await run(quiet_node, image, "snapshot_reference=lease_pruned", "collection=quiet", trials=1)
    assert await leases.list() == ("import-of-another",)
    await leases.delete("import-of-another")
