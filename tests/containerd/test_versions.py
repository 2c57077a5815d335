"""One client for containerd 1.6, 1.7 and 2.x: its lifecycle on every version there is.

The installed containerd is always one; which others there are: tests/support/other_containerds.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.daemon.versions import (
    Release,
    announces_collections,
    pull_flags,
    refuses_shared_cgroup,
    release,
    rests_between_collections,
    shim_socket,
    transfers_plain_http,
)
from iluvatar_bench.containerd.oci.image_import import ImportedImage, import_layout
from iluvatar_bench.functions import BuiltImage, daemon_with
from iluvatar_bench.host.kernel.shims import shim_of, shim_processes
from iluvatar_bench.host.network.attachment import NetworkMode
from iluvatar_bench.host.network.network_pool import open_pool
from iluvatar_bench.host.network.networks import open_network
from iluvatar_bench.lifecycle import KillLog, remove_container
from iluvatar_bench.lifecycle.container import open_container
from iluvatar_bench.lifecycle.invocation import open_invoker
from iluvatar_bench.plans import PlannedTrial, cold_start
from iluvatar_bench.profiles import resolve_profile
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR
from iluvatar_bench.records import Outcome, Trial
from iluvatar_bench.runs.leaks import take_inventory
from iluvatar_bench.runs.runner import run_plan
from iluvatar_bench.runs.trial import Setting, run_trial
from tests.containerd.test_daemon import traces_of
from tests.support.networks import needs_root, own_settings
from tests.support.other_containerds import FOLDERS, folder_name, use


@pytest.fixture(params=FOLDERS, ids=folder_name)
async def node(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, quick_hello: BuiltImage
) -> AsyncIterator[Node]:
    """A private, quiet daemon of each version; its shim comes from the same folder."""
    use(request.param, monkeypatch)
    async with daemon_with([quick_hello], collector=QUIET_COLLECTOR) as node:
        yield node
    assert not traces_of(node.id)


@pytest.fixture
async def image(node: Node, quick_hello: BuiltImage) -> ImportedImage:
    return await import_layout(
        node.client, quick_hello.layout, name=quick_hello.name, snapshotters=["overlayfs"]
    )


@pytest.mark.daemon
async def test_the_version_is_one_that_this_client_is_made_for(node: Node) -> None:
    found = release((await node.client.introspection.version()).version)
    assert found is not None
    assert (found.major, found.minor) in {(1, 6), (1, 7)} or found.major == 2


@pytest.mark.daemon
@needs_root(bridge=True)[1]
async def test_guarded_lives_end_well_and_leave_nothing(
    node: Node, image: ImportedImage, short_folder: Path
) -> None:
    settings = own_settings(short_folder / "net", NetworkMode.BRIDGE)
    done: list[Trial] = []
    async with (
        open_network(settings) as network,
        open_pool(network, size=2) as pool,
        open_invoker(network.book) as invoker,
    ):
        before = await take_inventory(node, snapshotters=["overlayfs"], pools=[pool])
        for level in ("lease", "container"):
            profile = resolve_profile(
                "guarded",
                ["collection=quiet", "network=bridge", f"snapshot_reference={level}"],
            )
            setting = Setting(f"test-{level[:5]}", node, image, profile, KillLog(), pool, invoker)
            plan = cold_start(trials=6, concurrency=3, seed=1, hold_ms=(0, 50), invocations=2)
            await run_plan(setting, plan, sinks=(done.append,))
        after = await take_inventory(node, snapshotters=["overlayfs"], pools=[pool])
    assert [(trial.trial, trial.error) for trial in done if trial.outcome is not Outcome.OK] == []
    assert len(done) == 12
    assert not any(trial.cleanup_errors for trial in done)
    assert after.beyond(before) == {}


@pytest.mark.daemon
@pytest.mark.parametrize("snapshotter", ["overlayfs", "native"])
@pytest.mark.parametrize("step", ["before_mount", "during_startup"])
async def test_an_unreferenced_snapshot_is_collected(
    step: str, snapshotter: str, node: Node, plain_hello: BuiltImage
) -> None:
    image = await import_layout(
        node.client, plain_hello.layout, name=plain_hello.name, snapshotters=[snapshotter]
    )
    for reference, found in (("none", "snapshot_collected"), ("lease", None)):
        profile = resolve_profile(
            "iluvatar-2022-08",
            [
                f"collection={step}",
                f"snapshotter={snapshotter}",
                f"snapshot_reference={reference}",
            ],
        )
        setting = Setting(f"test-{reference}", node, image, profile, KillLog())
        trial = await run_trial(setting, PlannedTrial(index=0, function="hello", hold_ms=0))
        assert trial.mechanism == found, trial.error


@pytest.mark.daemon
async def test_the_shim_of_a_bundle_is_found(node: Node, image: ImportedImage) -> None:
    """Without it a daemon that was killed would leave the shim's socket behind."""
    profile = resolve_profile("guarded", ["collection=quiet"])
    async with open_container(
        "c", node=node, image=image, profile=profile, kills=KillLog()
    ) as container:
        await container.create()
        (bundle,) = node.address.parent.glob("s/io.containerd.runtime.v2.task/*/c")
        socket = shim_socket(bundle)
        assert socket is not None and socket.is_socket()
        assert shim_processes(node.address) == (shim_of(node.address, "c"),)
        await remove_container(container)
    assert not socket.exists()


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("ctr github.com/containerd/containerd 1.6.20~ds1", (1, 6, 20)),
        ("ctr github.com/containerd/containerd/v2 v2.1.4 75cb2b7193e4", (2, 1, 4)),
        ("1.7.24~ds1", (1, 7, 24)),
        ("v2.0.0-rc.5", (2, 0, 0)),
        ("2.1.9+unknown", (2, 1, 9)),
        ("runc version 1.1.5+ds1", (1, 1, 5)),
        ("crun version 1.8\ncommit: 0356bf\nspec: 1.0.0", (1, 8, 0)),
        ("dev", None),
        ("", None),
    ],
)
def test_a_release_is_read_from_what_programs_say(
    said: str, found: tuple[int, int, int] | None
) -> None:
    assert release(said) == found


def test_only_a_ctr_that_knows_the_flag_is_given_it() -> None:
    assert pull_flags(Release(1, 6, 33)) == pull_flags(None) == ()
    assert pull_flags(Release(1, 7, 0)) == pull_flags(Release(2, 3, 0)) == ("--local",)


def test_what_depends_on_the_release_changes_exactly_where_it_is_said_to() -> None:
    releases = [Release(*numbers) for numbers in (
        (1, 6, 20), (1, 6, 31), (1, 6, 32), (1, 7, 0), (1, 7, 15), (1, 7, 16), (2, 0, 0),
    )]  # fmt: skip
    assert [announces_collections(found) for found in releases] == [False] * 3 + [True] * 4
    assert [rests_between_collections(found) for found in releases] == [
        False, False, True, False, False, True, True,
    ]  # fmt: skip
    assert [transfers_plain_http(found) for found in releases] == [False] * 6 + [True]
    runcs = [Release(1, 1, 15), Release(1, 2, 0), Release(1, 5, 1)]
    assert [refuses_shared_cgroup(found) for found in runcs] == [False, True, True]


def test_a_bundle_names_its_shim_in_two_ways_or_none(tmp_path: Path) -> None:
    assert shim_socket(tmp_path) is None
    (tmp_path / "bootstrap.json").write_text("{cut")
    assert shim_socket(tmp_path) is None
    (tmp_path / "bootstrap.json").write_text('{"version": 3, "address": "unix:///run/2"}')
    assert shim_socket(tmp_path) == Path("/run/2")
    (tmp_path / "address").write_text("unix:///run/1")
    assert shim_socket(tmp_path) == Path("/run/1")
