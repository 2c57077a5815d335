"""Rules about what holds things: labels of images, and leases."""

from __future__ import annotations

from iluvatar_bench.audit.read.held import held_by_images, held_snapshots, record_roots
from iluvatar_bench.audit.read.spec_view import needs_snapshot
from iluvatar_bench.audit.read.state import HeldLease, SnapshotId
from iluvatar_bench.audit.rules.broken_rule import BrokenRule, Rule, Severity, broken_rule
from iluvatar_bench.audit.rules.context import Context, NamespaceView, age_seconds, age_text
from iluvatar_bench.audit.rules.keepers import keeper_of_lease
from iluvatar_bench.bugs import BugClass
from iluvatar_bench.containerd.values import SnapshotKind

PRUNED_LABELS = frozenset({"moby/prune.images", "buildkit/lease.temporary"})
"""Leases with these are deleted by `docker image prune` (moby v28.5.1, daemon/containerd/
image_prune.go), and by BuildKit as it starts (moby v28.5.1, builder/builder-next/controller.go)."""

SOON_SECONDS = 300.0
"""A lease that ends sooner than this is reported, if something depends on it alone."""

IMAGE_NOT_HELD = Rule(
    name="image_snapshot_not_held",
    what="images that do not hold their unpacked layers: no label gc.ref.snapshot points there",
    why="The layers go with the last container or lease that needs them, and then no container of "
    "this image can be created: its parent snapshot is not found.",
    fix="Set the label `containerd.io/gc.ref.snapshot.<snapshotter>` = chain ID of the top layer "
    "on the image's config (Content.Update).",
    source="https://github.com/containerd/containerd/blob/v1.6.20/image.go (Unpack)",
    bug_classes=(BugClass.SNAPSHOT_NOT_FOUND, BugClass.IMAGE),
)

LEASE_EXPIRED = Rule(
    name="lease_expired",
    what="leases that have expired, and hold nothing any more",
    why="What only they held goes at the next collection, however much it is needed.",
    fix="Delete a lease when its work is done (Leases.Delete), and make one last longer than its "
    "work (label `containerd.io/gc.expire`).",
    source="https://github.com/containerd/containerd/blob/v1.6.20/metadata/gc.go (scanRoots)",
    bug_classes=(BugClass.SNAPSHOT_OVERLAY, BugClass.MISSING_PACKAGES),
)

LEASE_EXPIRING = Rule(
    name="lease_expiring",
    what=f"leases that alone hold active snapshots and expire within {SOON_SECONDS / 60:.0f} min",
    why="A collection after that takes these snapshots, in use or not.",
    fix="Let the container's record hold its snapshot (`snapshotter`, `snapshot_key` in "
    "Containers.Create) before the lease ends.",
    source="https://github.com/containerd/containerd/blob/v1.6.20/metadata/gc.go (scanRoots)",
    bug_classes=(BugClass.SNAPSHOT_OVERLAY, BugClass.MISSING_PACKAGES),
)


PARENT_NOT_HELD = Rule(
    name="parent_not_held",
    what="containers whose snapshot stands on a layer that nothing but containers holds, though "
    "their image is there",
    why="Their own snapshots hold it while they last. A collection after the last of them takes "
    "it, and the next Prepare on it is refused: parent snapshot does not exist. A client that "
    "makes it anew each time is safe but for the moment between.",
    fix="Set the label `containerd.io/gc.ref.snapshot.<snapshotter>` = the layer's name on the "
    "image's config (Content.Update), or hold the layer by a lease until Snapshots.Prepare has "
    "answered.",
    source="https://github.com/containerd/containerd/blob/v1.6.20/metadata/gc.go (references)",
    bug_classes=(BugClass.SNAPSHOT_NOT_FOUND,),
)

HELD_BY_LEASE_ALONE = Rule(
    name="snapshot_held_by_lease_alone",
    what="container records that name no snapshot, where a lease alone holds theirs",
    why="The lease may expire while the container lives, and any other client may delete it, as "
    "one does that prunes leases: the next collection takes the snapshot then, in use or not.",
    fix="Set `snapshotter` and `snapshot_key` in Containers.Create; the lease may go then.",
    source="https://github.com/containerd/containerd/blob/v1.6.20/metadata/gc.go (scanRoots)",
    bug_classes=(BugClass.SNAPSHOT_OVERLAY, BugClass.MISSING_PACKAGES),
)


def broken_by_references(context: Context) -> list[BrokenRule]:
    """Every rule about labels and leases."""
    return [
        *_images(context),
        *_expired(context),
        *_expiring(context),
        *_leased(context),
        *_parents(context),
    ]


def held_by_lease_alone(view: NamespaceView) -> dict[str, HeldLease]:
    """The records that name no snapshot, each with a lease that has its own, the longest one.

    An expired lease counts: the record leaned on it. The snapshot is known by what is mounted; or
    by its name, that of the container.
    """
    by_snapshot: dict[SnapshotId, HeldLease] = {}
    for lease in sorted(view.state.leases, key=_lasting):
        by_snapshot |= dict.fromkeys(lease.snapshots(), lease)
    by_name = {snapshot.name: lease for snapshot, lease in by_snapshot.items()}
    found = {}
    for record in view.state.records.values():
        if list(record_roots(record)):
            continue
        mounted = view.stands_on(record.id)
        holding = by_snapshot.get(mounted) if mounted else None
        if holding is None and needs_snapshot(record):
            holding = by_name.get(record.id)
        if holding is not None:
            found[record.id] = holding
    return found


def _lasting(lease: HeldLease) -> tuple[bool, float]:
    expiry = lease.info.expires_at
    return expiry is None, expiry.timestamp() if expiry else 0.0


def lease_is_short(lease: HeldLease, view: NamespaceView) -> bool:
    """Whether it has expired, or will within minutes."""
    return lease.expired(view.now) or _ends_soon(lease, view)


def on_unheld_parents(view: NamespaceView) -> set[str]:
    """The records whose snapshot stands on a layer that only containers hold.

    Their image is there: of one that was removed meanwhile the layers stay on purpose. Images that
    hold none of their layers are told by a rule of their own.
    """
    held = held_snapshots(view.state, now=view.now, by_records=False)
    images = {image.name for image in view.state.images}
    tops = {name for names in view.state.top_snapshots.values() for name in names}
    found = set()
    for record in view.state.records.values():
        snapshot = SnapshotId(record.snapshotter, record.snapshot_key)
        info = view.state.snapshots.get(snapshot)
        if info is None or not info.parent or record.image not in images or snapshot in held:
            continue
        parent = SnapshotId(record.snapshotter, info.parent)
        if parent in view.state.snapshots and parent not in held and parent.name not in tops:
            found.add(record.id)
    return found


def _leased(context: Context) -> list[BrokenRule]:
    """Those whose lease ends within minutes, or has ended, are told there."""
    objects, details = [], []
    for view in context.views:
        for id, lease in held_by_lease_alone(view).items():
            if lease_is_short(lease, view) or _kept_on_purpose(lease, view):
                continue
            objects.append(view.title(id))
            if view.running(id):
                details.append(f"{view.title(id)} runs on the lease {lease.info.id}{_end(lease)}")
    return broken_rule(HELD_BY_LEASE_ALONE, Severity.MEDIUM, objects, details=sorted(details)[:3])


def _kept_on_purpose(lease: HeldLease, view: NamespaceView) -> bool:
    """Whether a known client keeps its layers so for ever: Docker's image store does."""
    if lease.info.expires_at is not None or _is_pruned(lease):
        return False
    return keeper_of_lease(lease, view.state) is not None


def _is_pruned(lease: HeldLease) -> bool:
    return not PRUNED_LABELS.isdisjoint(lease.info.labels)


def _end(lease: HeldLease) -> str:
    """What will end a lease, where its form tells."""
    if _is_pruned(lease):
        return ", which its client deletes whenever it starts or prunes"
    expiry = lease.info.expires_at
    return f", until {expiry:%Y-%m-%d %H:%M:%S%z}" if expiry else ""


def _parents(context: Context) -> list[BrokenRule]:
    objects = [view.title(id) for view in context.views for id in on_unheld_parents(view)]
    return broken_rule(PARENT_NOT_HELD, Severity.MEDIUM, objects)


def _images(context: Context) -> list[BrokenRule]:
    objects, losing = [], 0
    for view in context.views:
        by_images = held_by_images(view.state, now=view.now)
        for image, tops in view.state.top_snapshots.items():
            unheld = [
                id
                for id, info in view.state.snapshots.items()
                if id.name in tops and info.kind is SnapshotKind.COMMITTED and id not in by_images
            ]
            if unheld:
                objects.append(view.title(image))
                losing += any(id not in view.held for id in unheld)
    details = [f"the next collection removes the layers of {losing} of them"]
    return broken_rule(IMAGE_NOT_HELD, Severity.MEDIUM, objects, details=details)


def _expired(context: Context) -> list[BrokenRule]:
    objects, losing = [], 0
    for view in context.views:
        for lease in view.state.leases:
            if lease.expired(context.now):
                objects.append(view.title(lease.info.id))
                losing += sum(snapshot in view.loose for snapshot in lease.snapshots())
    details = [f"the next collection removes {losing} active snapshots that they held"]
    severity = Severity.HIGH if losing else Severity.LOW
    return broken_rule(
        LEASE_EXPIRED,
        severity,
        objects,
        details=details,
        bug_classes=LEASE_EXPIRED.bug_classes if losing else (),
    )


def _expiring(context: Context) -> list[BrokenRule]:
    objects, soonest = [], []
    for view in context.views:
        for lease in view.state.leases:
            if _ends_soon(lease, view) and _depends(lease, view):
                objects.append(view.title(lease.info.id))
                assert lease.info.expires_at is not None
                soonest.append(age_seconds(context.now, lease.info.expires_at))
    details = [f"the first in {age_text(min(soonest))}"] if soonest else []
    return broken_rule(LEASE_EXPIRING, Severity.MEDIUM, objects, details=details)


def _ends_soon(lease: HeldLease, view: NamespaceView) -> bool:
    expiry = lease.info.expires_at
    return expiry is not None and 0 <= age_seconds(view.now, expiry) < SOON_SECONDS


def _depends(lease: HeldLease, view: NamespaceView) -> bool:
    """Whether an active snapshot would be lost with this lease alone."""
    without = held_snapshots(view.state, now=view.now, without=frozenset({lease.info.id}))
    return bool((view.held - without) & view.state.active().keys())
