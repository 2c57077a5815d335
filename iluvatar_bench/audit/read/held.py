"""What containerd's garbage collector would keep: its mark phase, over what an audit has read.

Roots and edges are those of ``scanRoots`` and ``references`` in containerd's ``metadata/gc.go``
(https://github.com/containerd/containerd/blob/v1.6.20/metadata/gc.go). The same since 1.3, with
one addition: containerd 1.7 lets other plugins add roots of their own, which no released client
of this kind uses. Nothing is collected here, and nothing is asked of the daemon.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from iluvatar_bench.audit.read.state import HeldLease, NamespaceState, SnapshotId
from iluvatar_bench.containerd.values import ContainerRecord

ROOT_LABEL = "containerd.io/gc.root"
FLAT_LABEL = "containerd.io/gc.flat"
SNAPSHOT_LABEL = "containerd.io/gc.ref.snapshot."
CONTENT_LABEL = "containerd.io/gc.ref.content"

_Node = SnapshotId | str
"""A snapshot, or the digest of a blob."""


def held_snapshots(
    namespace: NamespaceState,
    *,
    now: datetime,
    without: frozenset[str] = frozenset(),
    by_records: bool = True,
) -> frozenset[SnapshotId]:
    """The snapshots that the next collection would keep.

    ``without`` names leases to be left out, to see what only they hold; without ``by_records`` the
    container records are. Names of snapshots that
    do not exist are left out: such an edge is dead, and protects nothing.
    """
    leases = [x for x in namespace.leases if not x.expired(now) and x.info.id not in without]
    records = (*namespace.records.values(), *namespace.passing_records) if by_records else ()
    kept = _reach(namespace, _roots(namespace, leases, records))
    # A flat lease holds its snapshots and their parents, but not what their labels point to.
    for lease in leases:
        if FLAT_LABEL in lease.info.labels:
            for snapshot in lease.snapshots():
                kept.update(_with_parents(namespace, snapshot))
    return frozenset(n for n in kept if isinstance(n, SnapshotId) and n in namespace.snapshots)


def held_by_images(namespace: NamespaceState) -> frozenset[SnapshotId]:
    """The snapshots that the images themselves keep, whatever else keeps them too."""
    roots: list[_Node] = []
    for image in namespace.images:
        roots += [image.target.digest, *_label_targets(image.labels)]
    return frozenset(n for n in _reach(namespace, roots) if isinstance(n, SnapshotId))


def _roots(
    namespace: NamespaceState, leases: Iterable[HeldLease], records: Iterable[ContainerRecord]
) -> Iterator[_Node]:
    for lease in leases:
        if FLAT_LABEL not in lease.info.labels:
            yield from lease.snapshots()
            yield from (held.id for held in lease.resources if held.type == "content")
    for image in namespace.images:
        yield image.target.digest
        yield from _label_targets(image.labels)
    for digest, labels in namespace.content.items():
        if ROOT_LABEL in labels:
            yield digest
    for record in records:
        yield from record_roots(record)
    for snapshot, info in namespace.snapshots.items():
        if ROOT_LABEL in info.labels:
            yield snapshot


def record_roots(record: ContainerRecord) -> Iterator[_Node]:
    """What a container record holds: through its two fields, and through labels of its own.

    An empty ``snapshotter`` makes the key worth nothing, and an empty key is a dead edge.
    """
    if record.snapshotter and record.snapshot_key:
        yield SnapshotId(record.snapshotter, record.snapshot_key)
    yield from _label_targets(record.labels)


def _reach(namespace: NamespaceState, roots: Iterable[_Node]) -> set[_Node]:
    kept: set[_Node] = set()
    waiting = list(roots)
    while waiting:
        node = waiting.pop()
        if node in kept:
            continue
        kept.add(node)
        if isinstance(node, SnapshotId):
            info = namespace.snapshots.get(node)
            if info is not None:
                if info.parent:
                    waiting.append(SnapshotId(node.snapshotter, info.parent))
                waiting.extend(_label_targets(info.labels))
        else:
            waiting.extend(_label_targets(namespace.content.get(node, {})))
    return kept


def _with_parents(namespace: NamespaceState, snapshot: SnapshotId) -> Iterator[SnapshotId]:
    while (info := namespace.snapshots.get(snapshot)) is not None:
        yield snapshot
        snapshot = SnapshotId(snapshot.snapshotter, info.parent)


def _label_targets(labels: Mapping[str, str]) -> Iterator[_Node]:
    """Where ``gc.ref`` labels point; what follows a slash or a dot only tells them apart."""
    for label, value in labels.items():
        if label.startswith(SNAPSHOT_LABEL):
            snapshotter = label.removeprefix(SNAPSHOT_LABEL).partition("/")[0]
            yield SnapshotId(snapshotter, value)
        elif label == CONTENT_LABEL or label.startswith((f"{CONTENT_LABEL}.", f"{CONTENT_LABEL}/")):
            yield value
