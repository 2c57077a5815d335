"""Rules about snapshots: who holds the writable layer of each container."""

from __future__ import annotations

from iluvatar_bench.audit.read.held import ROOT_LABEL, named_snapshots
from iluvatar_bench.audit.read.spec_view import needs_snapshot
from iluvatar_bench.audit.read.state import SnapshotId
from iluvatar_bench.audit.rules.broken_rule import BrokenRule, Rule, Severity, broken_rule
from iluvatar_bench.audit.rules.context import Context, NamespaceView, age_seconds, age_text
from iluvatar_bench.audit.rules.keepers import keeper_of_lease, keeper_of_root
from iluvatar_bench.bugs import BugClass
from iluvatar_bench.profiles.collector import Collector

_GC = "https://github.com/containerd/containerd/blob/v1.6.20/metadata/gc.go (scanRoots)"

STEP_SECONDS = 2.0
"""A record may be made, with its key, a moment before its snapshot."""

NOT_NAMED = Rule(
    name="snapshot_not_named",
    what="container records that name no snapshot, and no lease or label holds theirs",
    why="The garbage collector takes the snapshot of such a container at any time: before the "
    "mount (the overlay cannot be mounted), or while it runs (files of the image vanish). An empty "
    "snapshot_key is a dead edge: no error, and no protection, in every version up to 2.3.",
    fix="Set `snapshotter` and `snapshot_key` in Containers.Create, and send the header "
    "`containerd-lease` with Snapshots.Prepare until the record is made (Leases.Create, "
    "Leases.Delete).",
    source=_GC,
    bug_classes=(BugClass.SNAPSHOT_OVERLAY, BugClass.MISSING_PACKAGES),
)

MISSING = Rule(
    name="snapshot_missing",
    what="container records that name a snapshot which does not exist",
    why="Nothing is protected by it, and the container cannot be started (again).",
    fix="Delete the record (Containers.Delete) after its snapshot, and make the snapshot "
    "(Snapshots.Prepare with the same key) before the record.",
    source=_GC,
    bug_classes=(BugClass.SNAPSHOT_NOT_FOUND, BugClass.SNAPSHOT_OVERLAY),
)

GONE = Rule(
    name="snapshot_gone_under_task",
    what="running containers whose writable layer is gone: the mounted upper directory does not "
    "exist",
    why="Look-ups in directories that the image and the layer share fail from then on: modules "
    "that are not yet imported are missing, nothing can be written.",
    fix="Remove and create these containers again, with `snapshot_key` set in Containers.Create; "
    "they do not recover.",
    source="https://docs.kernel.org/filesystems/overlayfs.html (changes to underlying filesystems)",
    bug_classes=(BugClass.MISSING_PACKAGES,),
)

UNREFERENCED = Rule(
    name="snapshot_unreferenced",
    what="active snapshots that no container record, unexpired lease or gc.root label holds",
    why="The next collection removes them. One that is still needed fails its container; one that "
    "is not needed was left to the collector.",
    fix="Call Snapshots.Remove before Containers.Delete when a container is removed; hold a "
    "snapshot that is still needed by `snapshot_key` of its record or the header "
    "`containerd-lease`.",
    source=_GC,
    bug_classes=(BugClass.SNAPSHOT_OVERLAY, BugClass.MISSING_PACKAGES),
)

ORPHANED = Rule(
    name="snapshot_orphaned",
    what="active snapshots that no container names, that are mounted nowhere, and that no "
    "collection will remove",
    why="A lease without expiry or a gc.root label keeps them for ever; containerd has no command "
    "to find such, and the disk fills. It may also be what somebody keeps on purpose: data of a "
    "container that is to be started again.",
    fix="Ask first whose they are (the lease, its labels and its age are named here): what deletes "
    "the holder destroys the data at the next collection. If nobody's: Leases.Delete, or "
    "Snapshots.Update without the label `containerd.io/gc.root`. A client gives its leases the "
    "label `containerd.io/gc.expire`.",
    source="https://github.com/containerd/containerd/issues/13416 (open)",
    bug_classes=(),
)

OTHER_MOUNTED = Rule(
    name="snapshot_other_mounted",
    what="running containers whose record names another snapshot than the one they stand on",
    why="The record protects the snapshot that it names. The one that is mounted goes at the next "
    "collection, or with whatever else holds it, under the running container.",
    fix="Put the key that Snapshots.Prepare was called with into `snapshot_key` of "
    "Containers.Create (Containers.Update for one that runs).",
    source=_GC,
    bug_classes=(BugClass.MISSING_PACKAGES,),
)


def broken_by_snapshots(context: Context) -> list[BrokenRule]:
    """Every rule about snapshots."""
    return [
        *_not_named(context),
        *_missing(context),
        *_gone(context),
        *_other_mounted(context),
        *_unreferenced(context),
        *_orphaned(context),
    ]


def _not_named(context: Context) -> list[BrokenRule]:
    objects, at_risk, in_use = [], 0, 0
    by_root = []
    for view in context.views:
        unnamed = view.unnamed
        objects += [view.title(id) for id in unnamed]
        theirs = {snapshot for snapshot in unnamed.values() if snapshot is not None}
        at_risk += len(theirs)
        in_use += len(theirs & view.in_use)
        by_root += [
            f"{view.title(id)} has {snapshot} as its root by an absolute path, mounted by hand"
            for id, snapshot in unnamed.items()
            if not needs_snapshot(view.state.records[id])
        ]
    used = f"{in_use} of them in use{_unless_known(context)}"
    details = [f"the next collection removes {at_risk} of their snapshots, {used}"]
    return broken_rule(
        NOT_NAMED, Severity.HIGH, objects, details=[*details, *sorted(by_root)[:3], _pace(context)]
    )


def _unless_known(context: Context) -> str:
    """What a count of snapshots in use is worth."""
    known = all(view.mounts_known for view in context.views)
    return "" if known else " as far as could be seen (not every mount could be looked at)"


def _missing(context: Context) -> list[BrokenRule]:
    objects = []
    for view in context.views:
        known = view.state.snapshots.keys() | view.state.passing_snapshots
        for record in view.state.records.values():
            if not (record.snapshotter and record.snapshot_key):
                continue
            young = (
                record.created_at is not None
                and age_seconds(record.created_at, context.now) < STEP_SECONDS
            )
            if SnapshotId(record.snapshotter, record.snapshot_key) not in known and not young:
                objects.append(view.title(record.id))
    return broken_rule(MISSING, Severity.MEDIUM, objects)


def _gone(context: Context) -> list[BrokenRule]:
    objects, uppers = [], []
    for view in context.views:
        for id in view.state.tasks:
            mount = view.root_mount(id)
            if view.running(id) and mount is not None and mount.upper_exists is False:
                objects.append(view.title(id))
                uppers.append(str(mount.upper_directory))
    details = [f"mountinfo names {uppers[0]}, which does not exist"] if uppers else []
    return broken_rule(GONE, Severity.HIGH, objects, details=details)


def _other_mounted(context: Context) -> list[BrokenRule]:
    objects, details, at_risk = [], [], False
    for view in context.views:
        for record in view.state.records.values():
            snapshot = SnapshotId(record.snapshotter, record.snapshot_key)
            mounted = view.stands_on(record.id) if view.running(record.id) else None
            if not record.snapshot_key or mounted is None or mounted == snapshot:
                continue
            objects.append(view.title(record.id))
            details.append(f"{view.title(record.id)} names {snapshot}, and stands on {mounted}")
            at_risk |= mounted in view.loose
    severity = Severity.HIGH if at_risk else Severity.MEDIUM
    return broken_rule(OTHER_MOUNTED, severity, objects, details=sorted(details)[:3])


def _unreferenced(context: Context) -> list[BrokenRule]:
    objects: list[str] = []
    ages: list[float] = []
    used = 0
    for view in context.views:
        # Those of records that name none, of leases that have expired and of tasks whose record is
        # gone are told there.
        told = {*view.unnamed.values(), *_of_expired_leases(view), *view.of_stray_tasks()}
        told |= {view.stands_on(id) for id in view.state.records if view.running(id)}
        for snapshot in view.loose - told:
            objects.append(view.title(snapshot))
            used += snapshot in view.in_use
            created_at = view.state.snapshots[snapshot].created_at
            if created_at is not None:
                ages.append(age_seconds(created_at, context.now))
    details = [
        f"the next collection removes them; in use right now: {used}{_unless_known(context)}",
        f"the oldest is {age_text(max(ages))} old" if ages else "",
        _pace(context),
    ]
    severity = Severity.HIGH if used else Severity.MEDIUM
    return broken_rule(UNREFERENCED, severity, objects, details=details)


def _of_expired_leases(view: NamespaceView) -> set[SnapshotId]:
    return {
        snapshot
        for lease in view.state.leases
        if lease.expired(view.now)
        for snapshot in lease.snapshots()
    }


def _orphaned(context: Context) -> list[BrokenRule]:
    objects: list[str] = []
    details: list[str] = []
    for view in context.views:
        if not view.mounts_known:
            # What is not looked at is not judged: it might be mounted.
            continue
        for snapshot, holder in _kept_for_nobody(view).items():
            if context.older_than_grace(view.state.snapshots[snapshot].created_at):
                objects.append(view.title(snapshot))
                details.append(f"{view.title(snapshot)}: {holder}")
    return broken_rule(ORPHANED, Severity.LOW, objects, details=sorted(details)[:3])


def _kept_for_nobody(view: NamespaceView) -> dict[SnapshotId, str]:
    """Kept for ever, in no use, and of no known client's form; each with what keeps it."""
    named = named_snapshots(view.state)
    mounted = {id for name, id in view.host.mounted or () if name == view.state.name}
    for_a_time = {
        snapshot
        for lease in view.state.leases
        if lease.info.expires_at is not None and not lease.expired(view.now)
        for snapshot in lease.snapshots()
    }
    needed, active = named | for_a_time | mounted, view.state.active()
    # A container whose record names no snapshot has one that goes by its own name.
    return {
        snapshot: holder
        for snapshot, holder in _lasting_holders(view).items()
        if snapshot not in needed and snapshot.name not in view.state.records and snapshot in active
    }


def _lasting_holders(view: NamespaceView) -> dict[SnapshotId, str]:
    """What keeps an active snapshot for ever, in words; not those that a known client keeps."""
    found: dict[SnapshotId, str] = {}
    known: set[SnapshotId] = set()
    for lease in view.state.leases:
        if lease.info.expires_at is not None:
            continue
        if keeper_of_lease(lease, view.state) is not None:
            known.update(lease.snapshots())
            continue
        made = lease.info.created_at
        age = f", {age_text(age_seconds(made, view.now))} old" if made else ""
        labels = f", labels {', '.join(sorted(lease.info.labels))}" if lease.info.labels else ""
        for snapshot in lease.snapshots():
            found[snapshot] = f"kept by the lease {lease.info.id}{age}{labels}"
    for snapshot, info in view.state.active().items():
        keeper = keeper_of_root(snapshot, info.labels)
        if keeper is not None:
            found[snapshot] = (
                f"kept by its label {ROOT_LABEL}; whose it may be: {keeper.name}, which keeps "
                f"{keeper.keeps}; to make sure: {keeper.ask}"
            )
    return {snapshot: holder for snapshot, holder in found.items() if snapshot not in known}


def _pace(context: Context) -> str:
    """How often this daemon collects, where its settings are known."""
    settings = context.state.collector
    if settings is None:
        return ""
    if _only_forced(settings):
        return "this daemon's settings let no collection run by itself; one that is asked for does"
    parts = [f"at most {100 * settings.pause_threshold:g} % of the time"]
    if settings.mutation_threshold:
        parts.append(f"after {settings.mutation_threshold} changes")
    if settings.deletion_threshold:
        parts.append(f"after {settings.deletion_threshold} deletes")
    return f"this daemon collects {', '.join(parts)}, and after any delete"


def _only_forced(settings: Collector) -> bool:
    return (
        settings.mutation_threshold == 0
        and settings.deletion_threshold == 0
        and 0 < settings.pause_threshold < 1e-6
    )
