"""Other clients at work beside a run's containers: what becomes of their work, and what is told."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from iluvatar_bench import run_cold_start
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage, import_layout
from iluvatar_bench.containerd.oci.layout_registry import served_layout
from iluvatar_bench.errors import EnvironmentProblem, UsageError
from iluvatar_bench.functions import BuiltImage, daemon_with
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR
from iluvatar_bench.runs.attempts import attempts_frame, beside_told
from iluvatar_bench.runs.other_clients import KINDS, Surroundings, require_kinds, try_once
from tests.support.other_containerds import FOLDERS, folder_name, use
from tests.support.quick_profiles import quick


@asynccontextmanager
async def collecting(node: Node) -> AsyncIterator[Callable[[], int]]:
    """One forced collection after the other during the block; gives how many there were."""
    over, count = asyncio.Event(), 0

    async def collect() -> None:
        nonlocal count
        while not over.is_set():
            await node.client.leases.force_collection()
            count += 1

    async with asyncio.TaskGroup() as group:
        group.create_task(collect())
        yield lambda: count
        over.set()


def test_what_cannot_be_done_beside_is_refused() -> None:
    with pytest.raises(UsageError, match=r"nothing beside is called 'comit' \(did you mean commit"):
        require_kinds(["comit"], address=None)
    with pytest.raises(UsageError, match="--beside needs a private containerd"):
        require_kinds(["prune"], address=Path("/run/containerd/containerd.sock"))
    require_kinds([], address=Path("/run/containerd/containerd.sock"))


@pytest.mark.parametrize("release", ["1.6.20~ds1", "1.7.24~ds1"])
def test_a_containerd_that_cannot_transfer_is_refused_with_the_remedy(
    release: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "containerd"
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    program.write_text(f"#!/bin/sh\necho containerd github.com/containerd/containerd {release}\n")
    program.chmod(0o755)
    require_kinds(["pull"], address=None)
    with pytest.raises(EnvironmentProblem, match=r"needs containerd 2\.0 or later.*first in PATH"):
        require_kinds(["pull", "transfer"], address=None)
    program.write_text("#!/bin/sh\necho containerd github.com/containerd/containerd/v2 2.1.9\n")
    require_kinds(["transfer"], address=None)


def kinds_here() -> tuple[str, ...]:
    """Those that the installed containerd can do."""
    try:
        require_kinds(tuple(KINDS), address=None)
    except EnvironmentProblem:
        return tuple(kind for kind in KINDS if kind != "transfer")
    return tuple(KINDS)


def test_each_kind_is_told_with_what_came_of_it() -> None:
    row = {"began_at": "2026-11-29T00:00:00+00:00", "duration_ms": 1.0, "outcome": "ok"}
    failed = {"outcome": "failed", "bug_class": "image", "mechanism": "content_collected"}
    rows = [
        {**row, "kind": "commit", "attempt": 0},
        {**row, "kind": "commit", "attempt": 1, **failed},
        {**row, "kind": "commit", "attempt": 2, "outcome": "unknown"},
        {**row, "kind": "prune", "attempt": 0, "leases_deleted": 3},
        {**row, "kind": "prune", "attempt": 1, "leases_deleted": 1},
    ]
    told = beside_told({"beside": attempts_frame(rows)})
    assert told == [
        "beside, commit: 3 times: 1 ok, 1 image / content_collected, 1 unknown / not known",
        "beside, prune: 2 times: 2 ok, 4 leases deleted",
    ]
    assert beside_told({}) == []


@pytest.mark.daemon
async def test_a_collection_takes_a_commit_without_labels_and_no_import(
    quiet_node: Node, image: ImportedImage, quick_hello: BuiltImage
) -> None:
    leases = quiet_node.client.leases
    there = Surroundings(
        client=quiet_node.client,
        address=quiet_node.address,
        image=image,
        layout=quick_hello.layout,
        snapshotter="overlayfs",
        before_use=leases.force_collection,
    )
    commit = await try_once("commit", 0, there)
    assert (commit.bug_class, commit.mechanism) == ("image", "content_collected"), commit.error
    at_once = replace(there, before_use=lambda: asyncio.sleep(0))
    assert (await try_once("commit", 1, at_once)).error is None

    # From the second one on there is content of the one before, which only the collector wants.
    async with collecting(quiet_node) as collected:
        imported = [await try_once("import", number, there) for number in range(3)]
    assert collected() > 3
    assert [one.error for one in imported] == [None] * 3

    await leases.create("of-another", expires_in_seconds=60)
    assert (await try_once("prune", 0, there)).leases_deleted == 1
    assert await leases.list() == ()


@pytest.mark.daemon
async def test_a_collection_takes_an_unpacked_layer_and_no_pulled_image(
    quiet_node: Node, image: ImportedImage, quick_hello: BuiltImage
) -> None:
    leases = quiet_node.client.leases
    with served_layout(quick_hello.layout) as reference:
        there = Surroundings(
            client=quiet_node.client,
            address=quiet_node.address,
            image=image,
            layout=quick_hello.layout,
            snapshotter="overlayfs",
            reference=reference,
            before_use=leases.force_collection,
        )
        pulled = await try_once("pull", 0, there)
    assert pulled.error is None
    unpacked = await try_once("unpack", 0, there)
    assert (unpacked.bug_class, unpacked.mechanism) == ("snapshot_not_found", "parent_collected")
    at_once = replace(there, before_use=lambda: asyncio.sleep(0))
    assert (await try_once("unpack", 1, at_once)).error is None
    nobody = await try_once("pull", 1, there)
    assert "connection refused" in str(nobody.error)
    assert not any(
        snapshot.name.startswith("beside-")
        for snapshot in await quiet_node.client.snapshots("overlayfs").list()
    )


@pytest.mark.daemon
@pytest.mark.parametrize("folder", FOLDERS, ids=folder_name)
async def test_no_collection_takes_an_image_that_the_daemon_pulls(
    folder: str, quick_hello: BuiltImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(folder, monkeypatch)
    try:
        require_kinds(["transfer"], address=None)
    except EnvironmentProblem as refused:
        pytest.skip(f"{refused}; tests/fetch_containerds fetches one")
    async with daemon_with([quick_hello], collector=QUIET_COLLECTOR) as node:
        there = Surroundings(
            client=node.client,
            address=node.address,
            image=await import_layout(
                node.client, quick_hello.layout, name=quick_hello.name, snapshotters=["overlayfs"]
            ),
            layout=quick_hello.layout,
            snapshotter="overlayfs",
        )
        with served_layout(quick_hello.layout) as reference:
            there = replace(there, reference=reference)
            async with collecting(node) as collected:
                pulled = [await try_once("transfer", number, there) for number in range(3)]
        assert collected() > 3
        assert [(one.outcome, one.error) for one in pulled] == [("ok", None)] * 3
        nobody = await try_once("transfer", 3, there)
        assert (nobody.outcome, nobody.bug_class) == ("failed", "image"), nobody.error
        assert "connection refused" in str(nobody.error)


@pytest.mark.daemon
@pytest.mark.slow
async def test_a_run_keeps_what_was_done_beside_it(tmp_path: Path) -> None:
    kinds = kinds_here()
    result = await run_cold_start(
        quick("guarded"), trials=20, concurrency=2, seed=1, results=tmp_path, beside=kinds
    )
    attempts = result.seen["beside"]
    assert set(attempts["kind"]) == set(kinds)
    assert result.manifest["beside"] == list(kinds)
    assert set(attempts.loc[attempts["kind"] == "import", "outcome"]) == {"ok"}
    assert attempts["leases_deleted"].sum() > 0
    assert result.leaked == {}
