"""Mistakes that records alone do not show: each planted on one real containerd, and found alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from iluvatar_bench.audit import (
    Alarm,
    Severity,
    WatchGap,
    apply_rules,
    live_container,
    watch_daemon,
    watch_restarts,
)
from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.daemon.private import Node, private_daemon
from iluvatar_bench.containerd.oci.image_import import import_layout
from iluvatar_bench.containerd.values import ContainerRecord
from iluvatar_bench.functions import BuiltImage, daemon_with
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR
from tests.audit.clients import RawWorker, audited, first_alarm, named
from tests.audit.test_right_clients import labelled_lease

pytestmark = [pytest.mark.daemon, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(quick_hello: BuiltImage) -> AsyncIterator[Node]:
    async with daemon_with([quick_hello], collector=QUIET_COLLECTOR) as node:
        yield node


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def worker(node: Node, quick_hello: BuiltImage) -> RawWorker:
    image = await import_layout(
        node.client, quick_hello.layout, name=quick_hello.name, snapshotters=["overlayfs"]
    )
    return RawWorker(node=node, image=image, named_snapshot=True, own_cgroup=True)


async def start(client: Client, worker: RawWorker, record: ContainerRecord, key: str) -> None:
    """Record and task on a snapshot that is there, whatever the record says of it."""
    node = worker.node
    mounts = await client.snapshots("overlayfs").mounts(key)
    await client.containers.create(record)
    output = node.scratch / f"{client.namespace}-{record.id}.out"
    output.touch()
    await client.tasks.create(
        record.id, rootfs=mounts, stdout=output, stderr=output, runc_root=node.runc_root
    )
    await client.tasks.start(record.id)


async def end(client: Client, id: str) -> None:
    await client.tasks.kill(id, signal=9, all_processes=False)
    await client.tasks.wait_exit(id)
    await client.tasks.delete(id)
    await client.containers.delete(id)


def with_cgroup(worker: RawWorker, id: str, path: str) -> dict[str, Any]:
    spec = dict(worker.record(id).spec)
    return {**spec, "linux": {**spec["linux"], "cgroupsPath": path}}


async def second_namespace(node: Node, worker: RawWorker) -> Client:
    """Another containerd namespace of the same daemon, with the layers to stand on."""
    other = node.client.under("second")
    await other.namespaces.ensure("second")
    return other


async def test_an_empty_cgroups_path_is_one_for_an_id_in_two_namespaces(
    node: Node, worker: RawWorker
) -> None:
    """runc makes it of the id alone: two clients that know nothing of each other."""
    id = f"same-{node.id}"
    other = await second_namespace(node, worker)
    record = worker.record(id, spec=with_cgroup(worker, id, ""))
    snapshots = node.client.snapshots("overlayfs")
    await snapshots.prepare(id, parent=worker.image.chain_id)
    await node.client.containers.create(record)
    await other.snapshots("overlayfs").prepare(id, parent="")
    assert named(await audited(node)) == {"snapshot_unreferenced": 1}
    await other.containers.create(record)
    try:
        audit = await audited(node)
        assert named(audit) == {"cgroup_shared": 2}
        (found,) = audit.findings
        assert found.objects == (f"iluvatar-bench/{id}", f"second/{id}")
        assert found.details[0].startswith(f"/{id}: 2 containers, 0 running")
        assert "what the runtime makes of their id" in found.details[1]
    finally:
        for client in (node.client, other):
            await client.containers.delete(id)
            await client.snapshots("overlayfs").remove(id)


async def test_the_kernels_word_is_taken_where_both_run(node: Node, worker: RawWorker) -> None:
    """Below the other in another spelling; where the kernel says otherwise, it is not."""
    parent = node.cgroup_parent
    client, snapshots = node.client, node.client.snapshots("overlayfs")
    ids = ("upper", "lower")
    for id in ids:
        await snapshots.prepare(id, parent=worker.image.chain_id)
    upper = worker.record("upper", spec=with_cgroup(worker, "upper", f"{parent}/u"))
    lower = worker.record("lower", spec=with_cgroup(worker, "lower", f"{parent}/x/../u/below"))
    await start(client, worker, upper, "upper")
    await start(client, worker, lower, "lower")
    audit = await audited(node)
    assert named(audit) == {"cgroup_nested": 1}
    (found,) = audit.findings
    assert found.severity is Severity.HIGH
    assert found.objects == ("iluvatar-bench/lower",)
    assert audit.state.host.cgroups["iluvatar-bench", "lower"] == f"{parent}/u/below"
    moved = replace(
        audit.state.host,
        cgroups={**audit.state.host.cgroups, ("iluvatar-bench", "lower"): "/elsewhere"},
    )
    assert named(apply_rules(replace(audit.state, host=moved))) == {"cgroup_not_joined": 1}
    for id in reversed(ids):
        await end(client, id)
        await snapshots.remove(id)


async def test_a_record_that_names_another_snapshot_than_the_one_mounted(
    node: Node, worker: RawWorker
) -> None:
    client, snapshots = node.client, node.client.snapshots("overlayfs")
    for key in ("named", "mounted"):
        await snapshots.prepare(key, parent=worker.image.chain_id)
    record = worker.record("mixed", snapshot_key="named")
    await start(client, worker, record, "mounted")
    audit = await audited(node)
    assert named(audit) == {"snapshot_other_mounted": 1}
    (found,) = audit.findings
    assert found.severity is Severity.HIGH
    assert found.details == (
        "iluvatar-bench/mixed names overlayfs:named, and stands on overlayfs:mounted",
    )
    assert audit.next_collection["in_use"].tolist() == [True]
    await labelled_lease(node, "keeper", {})
    await client.snapshots("overlayfs").remove("named")
    await end(client, "mixed")
    await snapshots.remove("mounted")
    await client.leases.delete("keeper")


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"containerd.io/gc.expire": "2099-01-01T00:00:00Z"}, ", until 2099-01-01 00:00:00+0000"),
        ({"moby/prune.images": "true"}, "deletes whenever it starts or prunes"),
        ({"buildkit/lease.temporary": "2026-01-01"}, "deletes whenever it starts or prunes"),
    ],
)
async def test_a_container_that_runs_on_a_lease_that_will_end(
    node: Node, worker: RawWorker, labels: dict[str, str], words: str
) -> None:
    """Its snapshot has another name than the container: what is mounted tells."""
    client, snapshots = node.client, node.client.snapshots("overlayfs")
    await labelled_lease(node, "timed", labels)
    await snapshots.prepare("leased", parent=worker.image.chain_id, lease="timed")
    bare = worker.record("borrower", snapshotter="", snapshot_key="")
    await start(client, worker, bare, "leased")
    audit = await audited(node)
    assert named(audit) == {"snapshot_held_by_lease_alone": 1}
    (found,) = audit.findings
    assert found.details[0].startswith("iluvatar-bench/borrower runs on the lease timed")
    assert words in found.details[0]
    assert (
        "overlayfs:leased, which the record does not name"
        in dict(live_container(audit, "borrower").facts)["snapshot"]
    )
    await end(client, "borrower")
    await snapshots.remove("leased")
    await client.leases.delete("timed")


async def test_content_that_an_image_needs_and_nothing_holds(node: Node, worker: RawWorker) -> None:
    """The manifest's labels are gone: the collector is the oracle of what that means."""
    client = node.client
    (image,) = [i for i in await client.images.list() if i.name == worker.image.name]
    labels = await client.content.labels(image.target.digest)
    pointing = {name: "" for name in labels if name.startswith("containerd.io/gc.ref.content")}
    assert pointing
    await client.leases.create("meanwhile")
    try:
        await client.content.update_labels(image.target.digest, pointing)
        audit = await audited(node)
        # The label that holds the layers is on the configuration.
        assert named(audit) == {"image_content_not_held": 1, "image_snapshot_not_held": 1}
        found = next(f for f in audit.findings if f.rule.name == "image_content_not_held")
        assert found.objects == (f"iluvatar-bench/{worker.image.name}",)
    finally:
        await client.content.update_labels(image.target.digest, labels)
        await client.leases.delete("meanwhile")
    assert named(await audited(node)) == {}


async def test_a_restart_label_on_a_task_that_was_only_created(
    node: Node, worker: RawWorker
) -> None:
    client, snapshots = node.client, node.client.snapshots("overlayfs")
    labels = {"owner": "me", "containerd.io/restart.status": "running"}
    mounts = await snapshots.prepare("waiting", parent=worker.image.chain_id)
    await client.containers.create(worker.record("waiting", labels=labels))
    output = node.scratch / "waiting.out"
    output.touch()
    await client.tasks.create(
        "waiting", rootfs=mounts, stdout=output, stderr=output, runc_root=node.runc_root
    )
    now = await audited(node)
    assert named(now) == {}
    later = replace(now.state, taken_at=now.state.taken_at + timedelta(seconds=11))
    assert named(apply_rules(later)) == {"restart_of_created_task": 1}
    await client.tasks.start("waiting")
    started = (await audited(node)).state
    later = replace(started, taken_at=started.taken_at + timedelta(seconds=11))
    assert named(apply_rules(later)) == {}
    await worker.remove("waiting")


async def test_a_watch_sees_cgroups_across_namespaces_and_both_ways_of_nesting(
    node: Node, worker: RawWorker
) -> None:
    other = await second_namespace(node, worker)
    parent = f"{node.cgroup_parent}/watched"
    made: list[tuple[Client, str]] = []

    async def record(client: Client, id: str, path: str) -> None:
        await client.containers.create(worker.record(id, spec=with_cgroup(worker, id, path)))
        made.append((client, id))

    await record(other, "known", f"{parent}/a/b")
    async with aclosing(watch_daemon(node.address)) as stream:
        # The records' snapshots are never made: they are named, which is all that a watch asks.
        alarm = await first_alarm(
            stream, lambda n: record(node.client, f"same-{n}", f"{parent}/a/b")
        )
        assert [rule.name for rule in alarm.rules] == ["cgroup_shared"]
        for id, path, rules in (
            ("below", f"{parent}/a/b/c", ["cgroup_nested"]),
            ("beside", f"{parent}/a/d", []),
            ("above", f"{parent}/a", ["cgroup_nested"]),
        ):
            await record(node.client, id, path)
            if rules:
                async with asyncio.timeout(20):
                    while alarm.container_id != id:
                        alarm = await anext(stream)
                assert [rule.name for rule in alarm.rules] == rules
            assert alarm.container_id != "beside"
    for client, id in made:
        await client.containers.delete(id)


async def test_a_watch_lives_through_a_restart_of_the_daemon() -> None:
    async with private_daemon(collector=QUIET_COLLECTOR) as node:
        client = node.client

        def bare(id: str) -> ContainerRecord:
            spec = {"root": {"path": "rootfs"}}
            return ContainerRecord(id=id, image="", runtime="io.containerd.runc.v2", spec=spec)

        async with aclosing(watch_restarts(node.address)) as stream:
            alarm = await first_alarm(stream, lambda n: client.containers.create(bare(f"a-{n}")))
            assert [rule.name for rule in alarm.rules] == ["snapshot_not_named"]
            waiting = asyncio.ensure_future(anext(stream))
            await node.restart()
            async with asyncio.timeout(30):
                seen = await waiting
                while isinstance(seen, Alarm):
                    seen = await anext(stream)
            assert isinstance(seen, WatchGap)
            assert seen.containers == len(await client.containers.list())
            assert "the daemon ended and answers again" in str(seen)
            again = await first_alarm(stream, lambda n: client.containers.create(bare(f"b-{n}")))
            assert again.container_id.startswith("b-")
