"""The calls behind each fix: what the author of a client changes, and what shows it with ctr.

A step ``A -> B`` is one call after another. Field and method names are those of containerd's gRPC
API (containerd v1.6.20, api/services).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

HOLD = "`audit --fix-plan --apply` holds the snapshots that are exposed now by a lease, for a day"
NOTHING = "nothing that an operator could do: the client's next container is the same again"
LEFT_BEHIND = "remove what is left behind, once it is sure that it is nobody's"


@dataclass(frozen=True, slots=True)
class Calls:
    """``calls`` are what the client is to send, ``ctr`` what does or shows the same by hand."""

    calls: tuple[str, ...]
    ctr: tuple[str, ...]
    meanwhile: str


_RIGHT_ORDER = (
    "Leases.Create(labels: containerd.io/gc.expire)",
    "Snapshots.Prepare(key, parent) with the header containerd-lease",
    "Containers.Create(snapshotter, snapshot_key = the key)",
    "Leases.Delete",
)
_REMOVAL = (
    "Tasks.Kill -> Tasks.Wait -> Tasks.Delete",
    "Snapshots.Remove(key) -> Containers.Delete",
)
_OWN_CGROUP = ('Containers.Create(spec: linux.cgroupsPath = "/<namespace>/<container id>")',)
_CGROUPS = (
    "ctr -n NS containers info ID   # Spec.linux.cgroupsPath",
    "ctr -n NS run --detach --cgroup /NS/ID IMAGE ID",
)
_INFO = ("ctr -n NS containers info ID   # Snapshotter, SnapshotKey",)

CALLS: Mapping[str, Calls] = {
    "snapshot_not_named": Calls(_RIGHT_ORDER, (*_INFO, "ctr -n NS run --detach IMAGE ID"), HOLD),
    "snapshot_missing": Calls(
        _RIGHT_ORDER,
        (*_INFO, "ctr -n NS snapshots info KEY"),
        "delete the records: they protect nothing, and cannot be started",
    ),
    "snapshot_gone_under_task": Calls(
        (*_RIGHT_ORDER, *_REMOVAL),
        ("ctr -n NS task kill -s KILL ID", "ctr -n NS task rm ID", "ctr -n NS containers rm ID"),
        "make these containers anew: they do not recover",
    ),
    "snapshot_other_mounted": Calls(
        ("Containers.Update(snapshotter, snapshot_key = the key that is mounted)",),
        (*_INFO, "ctr -n NS snapshots mounts / KEY"),
        HOLD,
    ),
    "snapshot_unreferenced": Calls(
        _REMOVAL, ("ctr -n NS snapshots ls", "ctr -n NS snapshots rm KEY"), HOLD
    ),
    "snapshot_orphaned": Calls(
        ("Leases.Create(labels: containerd.io/gc.expire)", "Leases.Delete when its work is done"),
        ("ctr -n NS leases ls", "ctr -n NS snapshots info KEY   # Labels"),
        "ask whose they are, before anything is deleted",
    ),
    "snapshot_held_by_lease_alone": Calls(
        ("Containers.Update(snapshotter, snapshot_key) -> Leases.Delete",),
        (*_INFO, "ctr -n NS leases ls"),
        "prune no leases",
    ),
    "parent_not_held": Calls(
        (
            "Content.Update(the image's config, "
            "labels: containerd.io/gc.ref.snapshot.<snapshotter> = chain ID)",
        ),
        ("ctr -n NS content label DIGEST containerd.io/gc.ref.snapshot.overlayfs=CHAIN",),
        "the same by ctr",
    ),
    "image_snapshot_not_held": Calls(
        (
            "Content.Update(the image's config, "
            "labels: containerd.io/gc.ref.snapshot.<snapshotter> = chain ID)",
        ),
        ("ctr -n NS content label DIGEST containerd.io/gc.ref.snapshot.overlayfs=CHAIN",),
        "the same by ctr",
    ),
    "image_content_not_held": Calls(
        ("Content.Update(index or manifest, labels: containerd.io/gc.ref.content.<n> = digest)",),
        ("ctr -n NS content label DIGEST containerd.io/gc.ref.content.0=CHILD",),
        "the same by ctr",
    ),
    "lease_expired": Calls(
        ("Leases.Create(labels: containerd.io/gc.expire beyond the work)", "Leases.Delete after"),
        ("ctr -n NS leases ls", "ctr -n NS leases rm ID"),
        HOLD,
    ),
    "lease_expiring": Calls(
        ("Containers.Create(snapshotter, snapshot_key) before the lease ends",),
        ("ctr -n NS leases ls",),
        "once it has expired: " + HOLD,
    ),
    "restart_of_created_task": Calls(
        ("Tasks.Start -> Containers.Update(labels: containerd.io/restart.status = running)",),
        ("ctr -n NS containers label ID containerd.io/restart.status=",),
        "the same by ctr: the monitor leaves the container alone",
    ),
    "cgroup_shared": Calls(_OWN_CGROUP, _CGROUPS, NOTHING),
    "cgroup_nested": Calls(_OWN_CGROUP, _CGROUPS, NOTHING),
    "cgroup_of_example": Calls(_OWN_CGROUP, _CGROUPS, NOTHING),
    "cgroup_relative": Calls(_OWN_CGROUP, _CGROUPS, NOTHING),
    "cgroup_not_joined": Calls(_OWN_CGROUP, ("cat /proc/PID/cgroup", *_CGROUPS), NOTHING),
    "pid_namespace_not_own": Calls(
        ('Containers.Create(spec: linux.namespaces with {"type": "pid"})', *_OWN_CGROUP),
        _CGROUPS,
        NOTHING,
    ),
    "spec_unreadable": Calls(
        (
            "Containers.Create(spec: type_url "
            "types.containerd.io/opencontainers/runtime-spec/1/Spec, value: JSON)",
        ),
        ("ctr -n NS containers info --spec ID",),
        NOTHING,
    ),
    "task_stopped": Calls(
        ("Tasks.Wait -> Tasks.Delete",), ("ctr -n NS task ls", "ctr -n NS task rm ID"), LEFT_BEHIND
    ),
    "record_without_task": Calls(
        ("Snapshots.Remove(key) -> Containers.Delete",),
        ("ctr -n NS containers ls", "ctr -n NS containers rm ID"),
        LEFT_BEHIND,
    ),
    "task_without_shim": Calls(
        ("Tasks.Delete -> Tasks.Create -> Tasks.Wait -> Tasks.Start",),
        ("ctr -n NS task ps ID", "ctr -n NS task rm --force ID"),
        "the same by ctr",
    ),
    "shim_without_record": Calls(
        ("Tasks.Delete -> Containers.Delete",),
        ("ctr -n NS task ls",),
        "its snapshot is held by nothing: " + HOLD,
    ),
    "mount_without_container": Calls(
        ("Tasks.Delete -> Containers.Delete",), ("umount PATH",), LEFT_BEHIND
    ),
    "network_namespace_unused": Calls(
        ("the CNI command DEL, then `ip netns delete`",), ("ip netns delete NAME",), LEFT_BEHIND
    ),
    "address_unused": Calls(
        ("the CNI command DEL with the same CNI_CONTAINERID",),
        ("rm /var/lib/cni/networks/NETWORK/ADDRESS",),
        LEFT_BEHIND,
    ),
}
"""By the rule's name; a test holds that every rule has its own."""
