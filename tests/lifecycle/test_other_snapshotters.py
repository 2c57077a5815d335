"""A collection at each step under snapshotters other than overlayfs: what a container notices.

The oracle is containerd, whose collector is quiet but for the forced ones. What those that not
every host has did elsewhere stands in docs/finding.md.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from iluvatar_bench.containerd.daemon.place import Place
from iluvatar_bench.containerd.daemon.private import Node, private_daemon
from iluvatar_bench.containerd.oci.image_import import ImportedImage, import_layout
from iluvatar_bench.errors import DaemonStartFailed
from iluvatar_bench.functions import BuiltImage
from iluvatar_bench.host.kernel.mounts import mounts_below
from iluvatar_bench.lifecycle import KillLog
from iluvatar_bench.plans import PlannedTrial
from iluvatar_bench.profiles import resolve_profile
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR
from iluvatar_bench.records import Outcome
from iluvatar_bench.runs.trial import Setting, run_trial
from iluvatar_bench.studies.upstream_12029 import IMPORTED, STEPS, report_calls

OVERLAY = ("snapshot_overlay", "snapshot_collected")
STARTUP = ("startup_error", "snapshot_collected")
PACKAGES = ("missing_packages", "snapshot_collected")
LATENT = "latent"
"""It went well, on a snapshot that is gone."""

UNHELD = {
    "native": (OVERLAY, STARTUP, PACKAGES, LATENT),
    "btrfs": (OVERLAY, STARTUP, LATENT, LATENT),
}
"""What a collection at each of the steps does to a container whose snapshot nothing holds."""


def has_btrfs() -> bool:
    known = "btrfs" in Path("/proc/filesystems").read_text().split()
    loops = os.access("/dev/loop-control", os.R_OK | os.W_OK)
    return known and loops and shutil.which("mkfs.btrfs") is not None


needs_btrfs = pytest.mark.skipif(
    not has_btrfs(), reason="needs btrfs, mkfs.btrfs and a loop device"
)


@asynccontextmanager
async def daemon_of(snapshotter: str) -> AsyncIterator[Node]:
    """A quiet one; a containerd that was built without the snapshotter has nothing to test."""
    async with AsyncExitStack() as stack:
        daemon = private_daemon(collector=QUIET_COLLECTOR, snapshotters=[snapshotter])
        try:
            node = await stack.enter_async_context(daemon)
        except DaemonStartFailed as error:
            if "has no plugin" in str(error):
                pytest.skip(str(error))
            raise
        yield node
    place = Place(node.id)
    assert mounts_below(place.data) == ()
    assert not place.data.exists()


async def found(node: Node, image: ImportedImage, *settings: str) -> object:
    profile = resolve_profile("guarded", list(settings))
    setting = Setting("test-other", node, image, profile, KillLog())
    trial = await run_trial(setting, PlannedTrial(index=0, function="hello", hold_ms=0))
    assert not trial.cleanup_errors
    if trial.outcome is Outcome.OK:
        return LATENT if trial.evidence.get("latent") == "snapshot_collected" else None
    return (trial.bug_class, trial.mechanism)


@pytest.mark.daemon
@pytest.mark.parametrize(
    "snapshotter",
    [pytest.param("native", marks=pytest.mark.slow), pytest.param("btrfs", marks=needs_btrfs)],
)
async def test_what_is_noticed_of_a_collection_is_the_file_systems_business(
    snapshotter: str, plain_hello: BuiltImage
) -> None:
    chosen = f"snapshotter={snapshotter}"
    async with daemon_of(snapshotter) as node:
        image = await import_layout(
            node.client, plain_hello.layout, name=plain_hello.name, snapshotters=[snapshotter]
        )
        for reference, wanted in (("none", UNHELD[snapshotter]), ("container", (None,) * 4)):
            seen = [
                await found(
                    node, image, chosen, f"snapshot_reference={reference}", f"collection={step}"
                )
                for step in STEPS
            ]
            assert dict(zip(STEPS, seen, strict=True)) == dict(zip(STEPS, wanted, strict=True))


@pytest.mark.daemon
@needs_btrfs
async def test_under_btrfs_what_is_in_use_goes_on_and_every_other_name_is_gone() -> None:
    async with daemon_of("btrfs"):
        pass
    calls = (await report_calls(snapshotter="btrfs")).set_index("call")["answer"]
    assert "not found" in calls["Snapshots.Stat"]
    assert calls["(list /)"] == "0 names"
    assert calls["(stat /etc/passwd)"] != "there"
    assert calls[f"(import {IMPORTED})"].startswith("exit 0")
