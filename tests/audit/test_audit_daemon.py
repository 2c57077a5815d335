"""The audit of a real containerd: nothing on a good client, exactly the mistakes of a bad one."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage

from iluvatar_bench.audit import (
    HostPlaces,
    Severity,
    apply_rules,
    audit_daemon,
    live_container,
    watch_daemon,
)
from iluvatar_bench.audit.read.held import held_snapshots
from iluvatar_bench.containerd._api import containers_pb2, containers_pb2_grpc
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import SNAPSHOT_LABEL, ImportedImage, import_layout
from iluvatar_bench.containerd.services.containers import SPEC_TYPE_URL
from iluvatar_bench.errors import ContainerdError
from iluvatar_bench.functions import BuiltImage, daemon_with
from iluvatar_bench.host.kernel import processes
from iluvatar_bench.host.kernel.shims import shim_of
from iluvatar_bench.lifecycle import KillLog, remove_container
from iluvatar_bench.lifecycle.container import Container
from iluvatar_bench.profiles import PRESETS, resolve_profile
from tests.audit.clients import NOWHERE, RawWorker, audited, ctr, ctr_run, everything, named

pytestmark = pytest.mark.daemon


async def test_a_client_that_does_it_right_has_no_finding(quick_hello: BuiltImage) -> None:
    """Containerd's own command line, on a collector with containerd's own settings."""
    async with daemon_with([quick_hello]) as node:
        image = await import_layout(
            node.client, quick_hello.layout, name=quick_hello.name, snapshotters=["overlayfs"]
        )
        assert named(await audited(node)) == {}
        for number in range(3):
            await ctr_run(node, image, f"good-{number}")
        audit = await audited(node)
        assert named(audit) == {}
        assert audit.counts["tasks"] == 3
        assert audit.next_collection.empty
        assert audit.state.remarks == ()
        (client,) = audit.clients
        assert (client.name, client.preset, client.containers) == ("good-*", "guarded", 3)
        profile = client.profile()
        assert profile is not None
        assert (profile.snapshot_reference, profile.cgroup) == ("lease", "own")
        await ctr(node, "task", "kill", "--signal", "KILL", "good-0")
        await _ended(node, "good-0")
        await ctr(node, "task", "rm", "good-0")
        await ctr(node, "container", "rm", "good-0")
        assert named(await audited(node, grace_seconds=0)) == {}


async def test_the_worker_of_2022_makes_exactly_two_mistakes(
    quiet_node: Node, image: ImportedImage
) -> None:
    worker = RawWorker(node=quiet_node, image=image)
    for number in range(4):
        await worker.create(f"hello-{number}")
    audit = await audited(quiet_node)
    assert named(audit) == {"snapshot_not_named": 4, "cgroup_shared": 4}
    snapshots, cgroup = audit.findings
    assert snapshots.bug_classes == ("snapshot_overlay", "missing_packages")
    assert {"process_died", "silent_startup"} <= set(cgroup.bug_classes) or cgroup.bug_classes == (
        "create_rejected",
    )
    assert {found.severity for found in audit.findings} == {Severity.HIGH}
    assert snapshots.first_three.startswith("iluvatar-bench/hello-0, iluvatar-bench/hello-1")
    assert "removes 4 of their snapshots, 4 of them in use" in snapshots.details[0]
    assert audit.next_collection["in_use"].tolist() == [True] * 4
    (client,) = audit.clients
    assert (client.name, client.preset) == ("iluvatar_worker", "iluvatar-2022-07")
    await worker.remove("hello-0")
    after = await audited(quiet_node)
    assert named(after)["snapshot_unreferenced"] == 1
    profile = after.clients[0].profile()
    assert profile is not None
    assert (profile.name, profile.removal) == ("iluvatar-worker-observed", "worker_2022")


async def test_the_worker_of_august_makes_one(quiet_node: Node, image: ImportedImage) -> None:
    worker = RawWorker(node=quiet_node, image=image, own_cgroup=True)
    for number in range(2):
        await worker.create(f"hello-{number}")
    audit = await audited(quiet_node)
    assert named(audit) == {"snapshot_not_named": 2}
    assert audit.clients[0].preset == "iluvatar-2022-08"


async def test_a_collection_takes_what_the_audit_says_and_nothing_else(
    quiet_node: Node, image: ImportedImage
) -> None:
    """The oracle is containerd: everything it can hold a snapshot by, and then a collection."""
    client, snapshots = quiet_node.client, quiet_node.client.snapshots("overlayfs")
    good = RawWorker(node=quiet_node, image=image, named_snapshot=True, own_cgroup=True)
    await client.containers.create(good.record("by-record"))
    label = {f"{SNAPSHOT_LABEL}.overlayfs/x": "by-label"}
    await client.containers.create(good.record("labelled", snapshot_key="", labels=label))
    await client.containers.create(good.record("empty-key", snapshot_key=""))
    await client.leases.create("lasting", expires_in_seconds=600)
    await client.leases.create("over", expires_in_seconds=-5)
    for key, lease in (
        ("by-record", None),
        ("by-label", None),
        ("empty-key", None),
        ("by-lease", "lasting"),
        ("by-expired-lease", "over"),
        ("loose", None),
    ):
        await snapshots.prepare(key, parent=image.chain_id, lease=lease)
    root = {"containerd.io/gc.root": "now"}
    await snapshots.prepare("by-root", parent=image.chain_id, labels=root)
    points = {f"{SNAPSHOT_LABEL}.overlayfs": "by-chain"}
    await snapshots.prepare("chain", parent=image.chain_id, labels={**root, **points})
    await snapshots.prepare("by-chain", parent=image.chain_id)
    audit = await audited(quiet_node)
    (namespace,) = audit.state.namespaces
    kept = {snapshot.name for snapshot in held_snapshots(namespace, now=audit.state.taken_at)}
    await client.leases.force_collection()
    assert {info.name for info in await snapshots.list()} == kept
    told = set(audit.next_collection["snapshot"])
    assert told == {"empty-key", "by-expired-lease", "loose"}


async def test_a_linked_socket_and_the_client_of_a_run(
    quiet_node: Node, image: ImportedImage, short_folder: Path
) -> None:
    """``/var/run`` is a link as a rule; and this library's own guarded containers are in order."""
    kills = KillLog()
    container = Container(
        "mine", node=quiet_node, image=image, profile=PRESETS["guarded"], kills=kills
    )
    await container.create()
    await container.start()
    link = short_folder / "link"
    link.symlink_to(quiet_node.address)
    audit = await audit_daemon(link, places=NOWHERE)
    assert named(audit) == {}
    assert audit.state.host.shims
    (client,) = audit.clients
    assert (client.name, client.preset) == ("iluvatar-bench", "guarded")
    assert client.profile() == PRESETS["guarded"].model_copy(
        update={"name": "iluvatar-bench-observed"}
    )
    await remove_container(container)
    container.close()


@pytest.mark.parametrize(
    ("setting", "rule", "shown", "or_else"),
    [
        ("snapshot_reference=record_late", None, "lease", ("record_late",)),
        ("snapshot_reference=lease_short", None, "lease_short", ()),
        ("snapshot_reference=lease_pruned", "snapshot_held_by_lease_alone", "lease_pruned", ()),
        ("snapshot_reference=parent_unheld", "parent_not_held", "parent_unheld", ()),
        ("cgroup=relative", "cgroup_relative", "own", ()),
        ("cgroup=example", "cgroup_of_example", "example", ()),
    ],
)
async def test_each_level_is_named_by_what_it_leaves_to_be_seen(
    quiet_node: Node,
    image: ImportedImage,
    setting: str,
    rule: str | None,
    shown: str,
    or_else: tuple[str, ...],
) -> None:
    """One container of it, created. A relative path is a level of its own once it is shared."""
    factor = setting.partition("=")[0]
    container = Container(
        "mine-1",
        node=quiet_node,
        image=image,
        profile=resolve_profile("guarded", [setting]),
        kills=KillLog(),
    )
    await container.create()
    audit = await audited(quiet_node)
    if setting.endswith("lease_short"):
        # Within its half second or after it, as the machine has it.
        assert named(audit).keys() <= {"lease_expiring", "lease_expired", "snapshot_not_named"}
        assert audit.findings
    else:
        assert named(audit) == ({rule: 1} if rule else {})
    (client,) = audit.clients
    (habit,) = [habit for habit in client.habits if habit.factor == factor]
    assert (habit.level, habit.or_else) == (shown, or_else)
    profile = client.profile()
    assert profile is not None
    assert profile.factors[factor] == shown
    await remove_container(container)
    container.close()


async def test_nested_cgroups_are_found_in_a_pair(quiet_node: Node, image: ImportedImage) -> None:
    profile = resolve_profile("guarded", ["cgroup=nested"])
    pair = [
        Container(name, node=quiet_node, image=image, profile=profile, kills=KillLog())
        for name in ("hello-testing1-00006", "hello-testing1-00007")
    ]
    for container in pair:
        await container.create()
    audit = await audited(quiet_node)
    assert named(audit) == {"cgroup_nested": 1}
    (found,) = audit.findings
    assert found.objects == ("iluvatar-bench/hello-testing1-00007",)
    assert found.severity is Severity.HIGH
    live = live_container(audit, "hello-testing1-00007")
    assert ("cgroup=own",) in [fix.settings for fix in live.fixes]
    for container in reversed(pair):
        await remove_container(container)
        container.close()


async def test_the_audit_changes_nothing_and_collects_nothing(
    quiet_node: Node, image: ImportedImage
) -> None:
    worker = RawWorker(node=quiet_node, image=image)
    for number in range(2):
        await worker.create(f"hello-{number}")
    await quiet_node.client.snapshots("overlayfs").prepare("loose", parent=image.chain_id)
    await quiet_node.client.leases.create("over", expires_in_seconds=-5)
    before = await everything(quiet_node)
    first, second = await audited(quiet_node), await audited(quiet_node)
    assert await everything(quiet_node) == before
    assert named(first) == named(second)
    # An expired lease and a loose snapshot are what any collection would have removed.
    assert {"lease_expired", "snapshot_unreferenced"} <= set(named(first))


async def _ended(node: Node, container_id: str) -> None:
    await node.client.tasks.wait_exit(container_id)


PLANTED = [
    "snapshot_missing",
    "snapshot_gone_under_task",
    "snapshot_unreferenced",
    "snapshot_orphaned",
    "cgroup_shared",
    "spec_unreadable",
    "image_snapshot_not_held",
    "lease_expired",
    "lease_expiring",
    "task_stopped",
    "record_without_task",
    "shim_lost",
    "shim_without_record",
    "mount_without_container",
    "address_unused",
    "network_namespace_unused",
]


@pytest.mark.parametrize("defect", PLANTED)
async def test_one_planted_defect_is_found_and_nothing_else(
    quiet_node: Node, image: ImportedImage, tmp_path: Path, defect: str
) -> None:
    """Beside a container that is in order."""
    await ctr_run(quiet_node, image, "good")
    assert named(await audited(quiet_node)) == {}
    places = HostPlaces(network_namespaces=(tmp_path / "netns",), addresses=(tmp_path / "cni",))
    rule, later_seconds = await _plant(defect, quiet_node, image, tmp_path)
    audit = await audited(quiet_node, places=places)
    later = audit.state.taken_at + timedelta(seconds=later_seconds)
    audit = apply_rules(replace(audit.state, taken_at=later))
    assert named(audit) == {rule: 2 if rule == "cgroup_shared" else 1}
    (found,) = audit.findings
    assert found.rule.fix.endswith(".")
    assert found.rule.source.startswith("https://")
    json.dumps(audit.as_dict())


async def _plant(defect: str, node: Node, image: ImportedImage, folder: Path) -> tuple[str, float]:
    """Plant one defect; the rule that must find it, and how much later the look is."""
    client, snapshots = node.client, node.client.snapshots("overlayfs")
    worker = RawWorker(node=node, image=image, named_snapshot=True, own_cgroup=True)
    match defect:
        case "snapshot_missing":
            await client.containers.create(worker.record("bad"))
            return defect, 5
        case "snapshot_gone_under_task":
            await worker.create("bad")
            (upper,) = [m.upper_directory for m in await snapshots.mounts("bad")]
            assert upper is not None
            await asyncio.to_thread(shutil.rmtree, upper)
        case "snapshot_unreferenced":
            await snapshots.prepare("bad", parent=image.chain_id)
        case "snapshot_orphaned":
            await client.leases.create("for-ever")
            await snapshots.prepare("bad", parent=image.chain_id, lease="for-ever")
            return defect, 3600
        case "cgroup_shared":
            shared = replace(worker, own_cgroup=False)
            await shared.create("bad-1")
            await _attempt_create(shared, "bad-2")
        case "spec_unreadable":
            await _create_garbage(node, "bad")
        case "image_snapshot_not_held":
            for digest, labels in (await client.content.all_labels()).items():
                if f"{SNAPSHOT_LABEL}.overlayfs" in labels:
                    await client.content.update_labels(digest, {f"{SNAPSHOT_LABEL}.overlayfs": ""})
        case "lease_expired":
            await client.leases.create("bad", expires_in_seconds=-5)
            await snapshots.prepare("bad", parent=image.chain_id, lease="bad")
        case "lease_expiring":
            await client.leases.create("bad", expires_in_seconds=120)
            await snapshots.prepare("bad", parent=image.chain_id, lease="bad")
        case "task_stopped":
            await worker.create("bad")
            await client.tasks.kill("bad", signal=9, all_processes=False)
            await client.tasks.wait_exit("bad")
            return defect, 120
        case "record_without_task":
            await snapshots.prepare("bad", parent=image.chain_id)
            await client.containers.create(worker.record("bad"))
            return defect, 120
        case "shim_lost":
            await worker.create("bad")
            shim = shim_of(node.address, "bad")
            assert shim is not None
            await asyncio.to_thread(processes.end, lambda: [shim])
            await _task_gone(node, "bad")
            return "record_without_task", 120
        case "shim_without_record":
            await worker.create("bad")
            await client.containers.delete("bad")
        case "mount_without_container":
            await _stray_mount(node, "bad")
        case "address_unused":
            (folder / "cni" / "net").mkdir(parents=True)
            (folder / "cni" / "net" / "10.99.0.2").write_text("gone-long-ago\r\neth0")
            (folder / "cni" / "net" / "10.99.0.3").write_text("good\r\neth0")
            (folder / "cni" / "net" / "last_reserved_ip.0").write_text("10.99.0.3")
        case "network_namespace_unused":
            (folder / "netns").mkdir()
            (folder / "netns" / "cni-left").touch()
            (folder / "netns" / "inhabited").symlink_to("/proc/self/ns/net")
    return defect, 0


async def _attempt_create(worker: RawWorker, container_id: str) -> None:
    """runc 1.2 and later refuse the second one: then its record shares the cgroup all the same."""
    try:
        await worker.create(container_id)
    except ContainerdError as error:
        assert "cgroup is not empty" in str(error)


async def _create_garbage(node: Node, container_id: str) -> None:
    """A record whose spec is no JSON; containerd stores what it is sent."""
    stub = containers_pb2_grpc.ContainersStub(node.client.channel.grpc_channel)
    message = containers_pb2.Container(
        id=container_id,
        runtime=containers_pb2.Container.Runtime(name="io.containerd.runc.v2"),
        spec=AnyMessage(type_url=SPEC_TYPE_URL, value=b"{ this is no spec"),
    )
    request = containers_pb2.CreateContainerRequest(container=message)
    await stub.Create(request, metadata=node.client.channel.metadata())


async def _task_gone(node: Node, container_id: str) -> None:
    async with asyncio.timeout(20):
        while container_id in {task.container_id for task in await node.client.tasks.list()}:
            continue


async def _stray_mount(node: Node, container_id: str) -> None:
    """A root mount as a shim leaves it when it goes away without unmounting."""
    bundles = node.address.parent / "s" / "io.containerd.runtime.v2.task" / node.client.namespace
    root = bundles / container_id / "rootfs"
    root.mkdir(parents=True)
    command = ["mount", "--bind", str(node.scratch), str(root)]
    await asyncio.to_thread(subprocess.run, command, check=True)


async def test_a_watch_reports_a_container_as_it_is_created_and_counts_the_others(
    quiet_node: Node, image: ImportedImage
) -> None:
    client = quiet_node.client
    bad = RawWorker(node=quiet_node, image=image)
    good = RawWorker(node=quiet_node, image=image, named_snapshot=True, own_cgroup=True)
    await client.containers.create(bad.record("old"))
    alarms = watch_daemon(quiet_node.address)
    first = asyncio.ensure_future(anext(alarms))
    # Nothing tells when containerd has accepted the subscription: create until one is seen.
    async with asyncio.timeout(20):
        number = 0
        while not first.done():
            await client.containers.create(bad.record(f"new-{number}"))
            number += 1
            await asyncio.wait((first,), timeout=0.05)
    alarm = first.result()
    assert alarm.container_id.startswith("new-")
    assert {rule.name for rule in alarm.rules} == {"snapshot_not_named", "cgroup_shared"}
    assert (alarm.client, alarm.namespace) == ("iluvatar_worker", client.namespace)
    assert 1 <= alarm.others <= number
    await client.containers.create(good.record("good"))
    await client.containers.create(bad.record("last"))
    async with asyncio.timeout(20):
        while alarm.container_id != "last":
            alarm = await anext(alarms)
            assert alarm.container_id != "good"
    assert alarm.others == number + 2
    assert "last: snapshot_not_named, cgroup_shared (can end as " in str(alarm)
    await alarms.aclose()


async def test_the_fix_that_is_printed_makes_the_audit_clean(
    quiet_node: Node, image: ImportedImage
) -> None:
    worker = RawWorker(node=quiet_node, image=image)
    for number in range(2):
        await worker.create(f"bad-{number}")
    audit = await audited(quiet_node)
    fixes = " ".join(found.rule.fix for found in audit.findings)
    assert "`snapshot_key` in Containers.Create" in fixes
    assert "`linux.cgroupsPath` of its own" in fixes
    for number in range(2):
        await worker.remove(f"bad-{number}")
        await quiet_node.client.snapshots("overlayfs").remove(f"bad-{number}")
    fixed = replace(worker, named_snapshot=True, own_cgroup=True)
    for number in range(2):
        await fixed.create(f"fixed-{number}")
    assert named(await audited(quiet_node)) == {}
    for number in range(2):
        await fixed.remove(f"fixed-{number}")
    assert named(await audited(quiet_node, grace_seconds=0)) == {}
