"""What clients do on purpose is no finding: each on a real containerd, in the client's own form."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from iluvatar_bench.audit import Audit, HostPlaces, Severity, apply_rules, live_container
from iluvatar_bench.audit.read.host_networks import NetworkReader
from iluvatar_bench.audit.read.second_look import still_stray
from iluvatar_bench.containerd._api import leases_pb2, leases_pb2_grpc
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import import_layout
from iluvatar_bench.containerd.values import ContainerRecord
from iluvatar_bench.functions import BuiltImage, daemon_with
from iluvatar_bench.host.kernel import cgroups
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR
from tests.audit.clients import SLEEP, RawWorker, audited, ctr, named
from tests.support.small_disks import mount as mount_by_hand

module_loop = pytest.mark.asyncio(loop_scope="module")

HEX = "5f" * 32
"""How Docker and Kubernetes name a container."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(quick_hello: BuiltImage) -> AsyncIterator[Node]:
    async with daemon_with([quick_hello], collector=QUIET_COLLECTOR) as node:
        yield node


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def worker(node: Node, quick_hello: BuiltImage) -> RawWorker:
    """A client that does it right: each test changes what it is about."""
    image = await import_layout(
        node.client, quick_hello.layout, name=quick_hello.name, snapshotters=["overlayfs"]
    )
    return RawWorker(node=node, image=image, named_snapshot=True, own_cgroup=True)


def much_later(audit: Audit) -> Audit:
    """The same state, looked at an hour later."""
    return apply_rules(replace(audit.state, taken_at=audit.state.taken_at + timedelta(hours=1)))


async def run_as(worker: RawWorker, record: ContainerRecord) -> None:
    """Snapshot, record and task of a container whose record is given."""
    client = worker.node.client
    mounts = await client.snapshots("overlayfs").prepare(record.id, parent=worker.image.chain_id)
    await client.containers.create(record)
    output = worker.node.scratch / f"{record.id}.out"
    output.touch()
    await client.tasks.create(
        record.id,
        rootfs=mounts,
        stdout=output,
        stderr=output,
        runc_root=worker.node.runc_root,
    )
    await client.tasks.start(record.id)


def spec_of(worker: RawWorker, id: str, **changes: Any) -> dict[str, Any]:
    return {**worker.record(id).spec, **changes}


@pytest.mark.daemon
@module_loop
@pytest.mark.skipif(cgroups.mode() == "v2", reason="the old shim knows cgroup version 1 alone")
async def test_the_shim_of_the_old_runtime(node: Node, worker: RawWorker) -> None:
    """It has no -id, and mounts in a mount namespace of its own."""
    if shutil.which("containerd-shim") is None:
        pytest.skip("needs containerd-shim, the one of io.containerd.runtime.v1.linux")
    await ctr(
        node,
        *("run", "--detach", "--null-io", "--runtime", "io.containerd.runtime.v1.linux"),
        *("--cgroup", f"{node.cgroup_parent}/old", worker.image.name, "old", *SLEEP),
    )
    audit = await audited(node)
    assert named(audit) == {}
    assert audit.state.host.root_mount(node.client.namespace, "old") is not None
    await ctr(node, "task", "rm", "--force", "old")
    await ctr(node, "container", "rm", "old")


@pytest.mark.daemon
@module_loop
@pytest.mark.parametrize("label", ["io.containerd.runc.v2.group", "io.kubernetes.cri.sandbox-id"])
async def test_containers_that_share_a_shim(node: Node, worker: RawWorker, label: str) -> None:
    """The group's shim has the name of its first container, and outlives it.

    Both annotations group (containerd v1.6.20, runtime/v2/runc/v2/service.go, groupLabels).
    """
    group = {label: "g"}
    for id in ("first", "second"):
        await run_as(worker, worker.record(id, spec=spec_of(worker, id, annotations=group)))
    audit = await audited(node)
    assert named(audit) == {}
    assert len(audit.state.host.shims or ()) == 1
    await worker.remove("first")
    assert named(await audited(node)) == {}
    await worker.remove("second")


@pytest.mark.daemon
@module_loop
@pytest.mark.parametrize("pid", ["host", "another's"])
async def test_a_pid_namespace_that_is_anothers(node: Node, worker: RawWorker, pid: str) -> None:
    """As pods with hostPID and `docker run --pid`: a remark; with a shared cgroup a finding."""
    await worker.create("init")
    (init,) = [t.pid for t in await node.client.tasks.list() if t.container_id == "init"]
    spec = spec_of(worker, "guest")
    kept = [n for n in spec["linux"]["namespaces"] if n["type"] != "pid"]
    if pid == "another's":
        kept.append({"type": "pid", "path": f"/proc/{init}/ns/pid"})
    spec["linux"] = {**spec["linux"], "namespaces": kept}
    await run_as(worker, worker.record("guest", spec=spec))
    audit = await audited(node)
    assert named(audit) == {}
    (note,) = audit.notes
    assert note.startswith(f"{node.client.namespace}/guest shares a PID namespace")
    in_one = {**spec, "linux": {**spec["linux"], "cgroupsPath": f"{node.cgroup_parent}/init"}}
    await node.client.containers.create(worker.record("third", spec=in_one, snapshot_key="guest"))
    audit = await audited(node)
    assert named(audit) == {"cgroup_shared": 2, "pid_namespace_not_own": 1}
    found = next(f for f in audit.findings if f.rule.name == "pid_namespace_not_own")
    assert (found.severity, found.objects) == (
        Severity.MEDIUM,
        (f"{node.client.namespace}/third",),
    )
    await node.client.containers.delete("third")
    await worker.remove("guest")
    await worker.remove("init")


async def labelled_lease(node: Node, id: str, labels: dict[str, str]) -> None:
    """A lease as a client makes it, with labels of its own."""
    stub = leases_pb2_grpc.LeasesStub(node.client.channel.grpc_channel)
    request = leases_pb2.CreateRequest(id=id, labels=labels)
    await stub.Create(request, metadata=node.client.channel.metadata())


VOLUME = f"/var/lib/containerd/io.containerd.grpc.v1.cri/image-volumes/{HEX}/{'ab' * 32}"

KEPT: dict[str, tuple[str, dict[str, str], tuple[str, ...]]] = {
    # moby v28.5.1, daemon/containerd/image_snapshot.go: createLayer, prepareInitLayer
    "docker": (HEX, {}, (f"{HEX}-init", HEX)),
    # buildkit 73ed682, cache/manager.go, line 243; util/leaseutil/manager.go, line 87
    "buildkit": ("2hq3q1fy8xuxo3hvlh7cbqtzp", {"containerd.io/gc.flat": "2026-01-01"}, ("cache",)),
    "buildkit temporary": ("x1", {"buildkit/lease.temporary": "2026-01-01"}, ("building",)),
    # containerd v2.1.9, internal/cri/server/container_image_mount.go
    "kubernetes": (HEX, {}, (VOLUME,)),
    # nerdctl 8da5040 and stargz-snapshotter 7cf47cb take the client's WithLease: random id, expiry
    # (containerd v2.1.9, client/lease.go)
    "nerdctl, stargz": (
        "123456789-AbCd",
        {"containerd.io/gc.expire": "2099-01-01T00:00:00Z"},
        ("t",),
    ),
}


@pytest.mark.daemon
@module_loop
@pytest.mark.parametrize("client", KEPT)
async def test_what_known_clients_keep_by_leases(
    node: Node, worker: RawWorker, client: str
) -> None:
    """In a namespace that is not called after any of them, without a record, an hour old."""
    id, labels, keys = KEPT[client]
    snapshots = node.client.snapshots("overlayfs")
    await labelled_lease(node, id, labels)
    parent = worker.image.chain_id
    for key in keys:
        await snapshots.prepare(key, parent=parent, lease=id)
    audit = much_later(await audited(node))
    assert named(audit) == {}
    # A lease that expires by itself needs no word.
    assert len(audit.notes) == (0 if "containerd.io/gc.expire" in labels else 1)
    assert all(
        f"{len(keys)} snapshots in {node.client.namespace} are kept" in n for n in audit.notes
    )
    for key in reversed(keys):
        await snapshots.remove(key)
    await node.client.leases.delete(id)


@pytest.mark.daemon
@module_loop
async def test_an_unknown_lease_is_named_and_nobody_is_told_to_delete_it_blindly(
    node: Node, worker: RawWorker
) -> None:
    snapshots = node.client.snapshots("overlayfs")
    await labelled_lease(node, "worker-7", {"owner": "me"})
    await snapshots.prepare("left", parent=worker.image.chain_id, lease="worker-7")
    now = await audited(node)
    assert named(now) == {}
    (found,) = much_later(now).findings
    assert (found.rule.name, found.severity) == ("snapshot_orphaned", Severity.LOW)
    assert found.details == (
        f"{node.client.namespace}/overlayfs:left: kept by the lease worker-7, 60 min old, "
        "labels owner",
    )
    assert found.rule.fix.startswith("Ask first whose they are")
    (mount,) = await snapshots.mounts("left")
    target = node.scratch / "left"
    target.mkdir()
    options = ",".join(mount.options)
    await asyncio.to_thread(
        mount_by_hand, "-t", mount.type, mount.source, "-o", options, str(target)
    )
    try:
        assert named(much_later(await audited(node))) == {}
    finally:
        await asyncio.to_thread(subprocess.run, ["umount", str(target)], check=True)
    await snapshots.remove("left")
    await node.client.leases.delete("worker-7")


@pytest.mark.daemon
@module_loop
async def test_a_root_that_was_mounted_by_hand_is_a_snapshot_all_the_same(
    node: Node, worker: RawWorker
) -> None:
    """As `ctr snapshots mounts … | sh`, then `ctr container create --config`: an absolute path."""
    snapshots = node.client.snapshots("overlayfs")
    (mount,) = await snapshots.prepare("by-hand", parent=worker.image.chain_id)
    target = node.scratch / "root"
    target.mkdir()
    options = ",".join(mount.options)
    await asyncio.to_thread(
        mount_by_hand, "-t", mount.type, mount.source, "-o", options, str(target)
    )
    try:
        spec = spec_of(worker, "hand", root={"path": str(target)})
        bare = worker.record("hand", spec=spec, snapshotter="", snapshot_key="")
        await node.client.containers.create(bare)
        for started in (False, True):
            if started:
                output = node.scratch / "hand.out"
                output.touch()
                await node.client.tasks.create(
                    "hand", rootfs=(), stdout=output, stderr=output, runc_root=node.runc_root
                )
                await node.client.tasks.start("hand")
            audit = await audited(node)
            assert named(audit) == {"snapshot_not_named": 1}
            (found,) = audit.findings
            assert "removes 1 of their snapshots, 1 of them in use" in found.details[0]
            assert "mounted by hand" in found.details[1]
            live = live_container(audit, "hand")
            assert live.broken == 1
            assert not any("root file system" in text for text in live.in_order)
        await node.client.tasks.kill("hand", signal=9, all_processes=False)
        await node.client.tasks.wait_exit("hand")
        await node.client.tasks.delete("hand")
        await node.client.containers.delete("hand")
    finally:
        await asyncio.to_thread(subprocess.run, ["umount", str(target)], check=True)
    await snapshots.remove("by-hand")


@pytest.mark.daemon
@module_loop
async def test_a_root_of_ones_own_is_in_order_where_it_was_looked_at(
    node: Node, worker: RawWorker
) -> None:
    spec = spec_of(worker, "own-root", root={"path": "/nowhere-to-be-seen"})
    bare = worker.record("own-root", spec=spec, snapshotter="", snapshot_key="")
    await node.client.containers.create(bare)
    live = live_container(await audited(node), "own-root")
    assert not any("root file system" in text for text in live.in_order)
    assert "/nowhere-to-be-seen: it is not mounted, or not to be seen" in live.not_known[0]
    await node.client.containers.delete("own-root")


@pytest.mark.daemon
@module_loop
async def test_a_record_without_a_linux_section(node: Node, worker: RawWorker) -> None:
    spec = {k: v for k, v in worker.record("bare").spec.items() if k != "linux"}
    client = node.client
    await client.snapshots("overlayfs").prepare("bare", parent=worker.image.chain_id)
    await client.containers.create(worker.record("bare", spec=spec))
    audit = await audited(node)
    assert (named(audit), audit.notes) == ({}, ())
    await client.snapshots("overlayfs").remove("bare")
    await client.containers.delete("bare")


@pytest.mark.daemon
@module_loop
async def test_a_shim_that_only_outlives_its_record_for_a_moment(
    node: Node, worker: RawWorker
) -> None:
    """It counts if it was there before the reading, and is a second after it."""
    await worker.create("leaving")
    client = node.client
    await client.containers.delete("leaving")
    audit = await audited(node)
    assert named(audit) == {"shim_without_record": 1}
    (shim,) = audit.state.host.strays
    look = partial(still_stray, [client], audit.state.namespaces, audit.state.host)
    assert (await look(early={shim.pid})).strays == (shim,)
    assert (await look(early=())).strays == ()
    # Containerd ends no task without a record.
    await client.containers.create(worker.record("leaving"))
    assert (await look(early={shim.pid})).strays == ()
    await worker.remove("leaving")
    assert (await look(early={shim.pid})).strays == ()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give it up")
def test_what_may_not_be_seen_is_not_judged(tmp_path: Path) -> None:
    """Without root every other process hides in which network namespace it lives."""
    for folder in (tmp_path, *tmp_path.parents[:-2]):
        folder.chmod(0o755)
    (tmp_path / "netns").mkdir()
    (tmp_path / "netns" / "cni-1").touch()
    (tmp_path / "closed").mkdir(mode=0o700)
    remarks: list[str] = []
    places = HostPlaces(network_namespaces=(tmp_path / "netns",), addresses=(tmp_path / "closed",))
    reader = NetworkReader(places, remarks)
    os.seteuid(65534)
    try:
        (namespace,) = reader.namespaces()
        assert reader.addresses() == ()
    finally:
        os.seteuid(0)
    assert namespace.in_use is None
    assert len(remarks) == 2
    assert "which processes live in them may not be seen" in remarks[0]
    (seen,) = NetworkReader(places, []).namespaces()
    assert seen.in_use is False
