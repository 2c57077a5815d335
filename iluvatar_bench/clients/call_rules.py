"""The rules that a client keeps to be safe, each with the change of call that mends a breach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from iluvatar_bench.bugs.taxonomy import BugClass
from iluvatar_bench.records.call_facts import CallRule

_COLLECTED = (
    BugClass.SNAPSHOT_OVERLAY,
    BugClass.MISSING_PACKAGES,
    BugClass.SNAPSHOT_NOT_FOUND,
)
_KILLED = (BugClass.PROCESS_DIED, BugClass.SILENT_STARTUP, BugClass.CREATE_REJECTED)


@dataclass(frozen=True, slots=True)
class KnownRule:
    """What must be, what mends it, and what a breach can show as."""

    must: str
    remedy: str
    may_become: tuple[BugClass, ...] = ()
    unsafe: bool = True


RULES: Mapping[CallRule, KnownRule] = {
    CallRule.SNAPSHOT_UNHELD: KnownRule(
        "A snapshot is held from its Prepare on: by a lease, then by the container's record.",
        "Leases.Create first, and its id as metadata containerd-lease of Snapshots.Prepare; "
        "Leases.Delete only after Containers.Create with snapshotter and snapshot_key.",
        _COLLECTED,
    ),
    CallRule.PARENT_UNHELD: KnownRule(
        "The snapshots of an image are held by a lease, then by the label of its config.",
        "The lease's id as metadata containerd-lease of Prepare and Commit; label the image's "
        "config containerd.io/gc.ref.snapshot.<snapshotter> = chain ID before the lease goes.",
        (BugClass.SNAPSHOT_NOT_FOUND, BugClass.SNAPSHOT_OVERLAY, BugClass.IMAGE),
    ),
    CallRule.CONTENT_UNHELD: KnownRule(
        "The blobs of an image are held by a lease, then by the image and its manifest's labels.",
        "The lease's id as metadata containerd-lease of Content.Write; label the manifest "
        "containerd.io/gc.ref.content.<n> = digest, and make the image before the lease goes.",
        (BugClass.IMAGE,),
    ),
    CallRule.LEASE_ENDED_EARLY: KnownRule(
        "A lease goes only when something else holds what it held.",
        "Leases.Delete after Containers.Create with snapshotter and snapshot_key (for an image: "
        "after the labels and Images.Create).",
        _COLLECTED,
    ),
    CallRule.LEASE_EXPIRED: KnownRule(
        "A lease lasts until something else holds what it held.",
        "snapshotter and snapshot_key in Containers.Create; containerd.io/gc.expire only for "
        "longer than the making of a container can ever take.",
        _COLLECTED,
    ),
    CallRule.REFERENCE_DROPPED: KnownRule(
        "What holds a snapshot outlives its use.",
        "Kill, await the Wait, Tasks.Delete, Snapshots.Remove, and only then Containers.Delete.",
        _COLLECTED,
    ),
    CallRule.RECORD_NAMES_OTHER: KnownRule(
        "The record names the snapshot that its task mounts.",
        "snapshotter and snapshot_key of Containers.Create as in Snapshots.Prepare.",
        _COLLECTED,
    ),
    CallRule.RECORD_WITHOUT_SNAPSHOT: KnownRule(
        "The record names the snapshot that its task mounts.",
        "snapshotter and snapshot_key in Containers.Create: an empty one is no error, and holds "
        "nothing.",
        _COLLECTED,
    ),
    CallRule.RECORD_UNDER_TASK: KnownRule(
        "The record outlives the task.",
        "Tasks.Delete, and Snapshots.Remove, before Containers.Delete.",
        (BugClass.MISSING_PACKAGES, BugClass.UNCLASSIFIED),
    ),
    CallRule.RECORD_BEFORE_SNAPSHOT: KnownRule(
        "The snapshot is removed while its record still holds it.",
        "Snapshots.Remove before Containers.Delete; NOT_FOUND means that it is gone already.",
        (BugClass.SNAPSHOT_NOT_FOUND,),
    ),
    CallRule.KILL_REACHES_OTHERS: KnownRule(
        "A Kill of all processes of a cgroup finds those of one container there.",
        "A cgroup path of its own in each spec, absolute: /<namespace>/<id>.",
        _KILLED,
    ),
    CallRule.CGROUP_SHARED: KnownRule(
        "Each container has a cgroup of its own, outside every other's.",
        "linux.cgroupsPath of each spec /<namespace>/<id>, with an id that is never used twice.",
        _KILLED,
    ),
    CallRule.CGROUP_RELATIVE: KnownRule(
        "A cgroup path is absolute.",
        "linux.cgroupsPath /<namespace>/<id>: a relative one lies below the cgroup of whoever "
        "calls the runtime, and ends with that service.",
        _KILLED,
        unsafe=False,
    ),
    CallRule.DELETE_POLLED: KnownRule(
        "Tasks.Delete comes after the task's end is known.",
        "Tasks.Wait before Tasks.Start, and Tasks.Delete when it answers.",
        (BugClass.DEADLINE,),
        unsafe=False,
    ),
    CallRule.LEFT_TASK: KnownRule(
        "A container's end is its client's work.", "Kill, Wait, Tasks.Delete.", unsafe=False
    ),
    CallRule.LEFT_RECORD: KnownRule(
        "A container's end is its client's work.", "Containers.Delete, last.", unsafe=False
    ),
    CallRule.LEFT_SNAPSHOT: KnownRule(
        "A container's end is its client's work.",
        "Snapshots.Remove before Containers.Delete.",
        unsafe=False,
    ),
    CallRule.LEFT_LEASE: KnownRule(
        "A lease ends with what it was for.",
        "Leases.Delete on every way out, and containerd.io/gc.expire in case there is none.",
        unsafe=False,
    ),
    CallRule.LEFT_IMAGE: KnownRule(
        "An image stays until someone deletes it.",
        "Images.Delete, if it was for once.",
        unsafe=False,
    ),
}
