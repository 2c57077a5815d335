"""Other clients at work beside a run's containers: what becomes of their work, and what is told."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from iluvatar_bench import run_cold_start
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.containerd.oci.layout_registry import served_layout
from iluvatar_bench.errors import UsageError
from iluvatar_bench.functions import BuiltImage
from iluvatar_bench.runs.attempts import attempts_frame, beside_told
from iluvatar_bench.runs.other_clients import KINDS, Surroundings, require_kinds, try_once
from tests.support.quick_profiles import quick


def test_what_cannot_be_done_beside_is_refused() -> None:
    with pytest.raises(UsageError, match=r"nothing beside is called 'comit' \(did you mean commit"):
        require_kinds(["comit"], address=None)
    with pytest.raises(UsageError, match="--beside needs a private containerd"):
        require_kinds(["prune"], address=Path("/run/containerd/containerd.sock"))
    require_kinds([], address=Path("/run/containerd/containerd.sock"))


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

    over = asyncio.Event()

    async def collect() -> int:
        count = 0
        while not over.is_set():
            await leases.force_collection()
            count += 1
        return count

    collecting = asyncio.create_task(collect())
    # From the second one on there is content of the one before, which only the collector wants.
    imported = [await try_once("import", number, there) for number in range(3)]
    over.set()
    assert await collecting > 3
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
@pytest.mark.slow
async def test_a_run_keeps_what_was_done_beside_it(tmp_path: Path) -> None:
    result = await run_cold_start(
        quick("guarded"), trials=20, concurrency=2, seed=1, results=tmp_path, beside=tuple(KINDS)
    )
    attempts = result.seen["beside"]
    assert set(attempts["kind"]) == set(KINDS)
    assert result.manifest["beside"] == list(KINDS)
    assert set(attempts.loc[attempts["kind"] == "import", "outcome"]) == {"ok"}
    assert attempts["leases_deleted"].sum() > 0
    assert result.leaked == {}
