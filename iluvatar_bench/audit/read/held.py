"""What containerd's garbage collector would keep: its mark phase, over what an audit has read.

Roots and edges are those of ``scanRoots`` and ``references`` in containerd's ``metadata/gc.go`` of
the version that answers (``gc_labels`` has the differences). Nothing is collected here, and nothing
is asked of the daemon.

Left out, because no client of this kind can list it: the labels of sandboxes (1.7), the expected
digest of a blob that is still being written, and activated mounts (2.2): they are held by others
and hold nothing themselves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from iluvatar_bench.audit.read.gc_labels import (
    FLAT_LABEL,
    ROOT_LABEL,
    CollectorNode,
    CollectorRules,
    backward,
    conditions,
    forward,
    has_expired,
    is_root,
    rules_of,
    used_at,
)
from iluvatar_bench.audit.read.state import HeldLease, NamespaceState, SnapshotId
from iluvatar_bench.containerd.values import ContainerRecord

__all__ = [
    "FLAT_LABEL",
    "ROOT_LABEL",
    "held_by_images",
    "held_nodes",
    "held_snapshots",
    "named_snapshots",
    "record_roots",
]


def held_nodes(
    namespace: NamespaceState,
    *,
    now: datetime,
    without: frozenset[str] = frozenset(),
    by_records: bool = True,
) -> frozenset[CollectorNode]:
    """Everything that the next collection would keep, those that do not exist included.

    ``without`` names leases to be left out, to see what only they hold; without ``by_records`` the
    container records are.
    """
    graph = _Graph(namespace, now, by_records=by_records)
    held = [x for x in namespace.leases if not x.expired(now) and x.info.id not in without]
    return graph.reach([*_leased(held, graph.rules), *graph.roots()])


def held_snapshots(
    namespace: NamespaceState,
    *,
    now: datetime,
    without: frozenset[str] = frozenset(),
    by_records: bool = True,
) -> frozenset[SnapshotId]:
    """The snapshots that the next collection would keep.

    Names of snapshots that do not exist are left out: such an edge is dead, and protects nothing.
    """
    kept = held_nodes(namespace, now=now, without=without, by_records=by_records)
    return _snapshots(namespace, kept)


def held_by_images(namespace: NamespaceState, *, now: datetime) -> frozenset[SnapshotId]:
    """The snapshots that the images themselves keep, whatever else keeps them too."""
    graph = _Graph(namespace, now, by_records=False)
    return _snapshots(namespace, graph.reach(graph.living_images()))


def named_snapshots(namespace: NamespaceState) -> set[SnapshotId]:
    """The snapshots that container records hold by their two fields."""
    return {
        SnapshotId(record.snapshotter, record.snapshot_key)
        for record in (*namespace.records.values(), *namespace.passing_records)
        if record.snapshotter and record.snapshot_key
    }


def record_roots(record: ContainerRecord) -> Iterator[CollectorNode]:
    """What a container record holds: through its two fields, and through labels of its own.

    An empty ``snapshotter`` makes the key worth nothing, and an empty key is a dead edge.
    """
    if record.snapshotter and record.snapshot_key:
        yield CollectorNode("snapshot", f"{record.snapshotter}/{record.snapshot_key}")
    yield from forward(record.labels, rules_of(None))


def node_of(snapshot: SnapshotId) -> CollectorNode:
    """A snapshot as the collector names it."""
    return CollectorNode("snapshot", f"{snapshot.snapshotter}/{snapshot.name}")


def _snapshots(namespace: NamespaceState, kept: frozenset[CollectorNode]) -> frozenset[SnapshotId]:
    return frozenset(id for id in namespace.snapshots if node_of(id) in kept)


def _leased(leases: Iterable[HeldLease], rules: CollectorRules) -> Iterator[CollectorNode]:
    kinds = {"content": "content"} | ({"images": "image"} if rules.images_expire else {})
    for lease in leases:
        flat = FLAT_LABEL in lease.info.labels
        for held in lease.resources:
            if held.type.startswith("snapshots/"):
                yield CollectorNode("snapshot", f"{held.type.partition('/')[2]}/{held.id}", flat)
            elif held.type in kinds:
                yield CollectorNode(kinds[held.type], held.id, flat)


class _Graph:
    """The objects of a namespace, and what leads from one to another."""

    def __init__(self, namespace: NamespaceState, now: datetime, *, by_records: bool) -> None:
        self.rules = rules_of(namespace.containerd)
        self._now = now
        self._labels: dict[CollectorNode, Mapping[str, str]] = {}
        self._edges: dict[CollectorNode, list[CollectorNode]] = defaultdict(list)
        records: Iterable[ContainerRecord] = ()
        if by_records:
            records = (*namespace.records.values(), *namespace.passing_records)
        for digest, labels in namespace.content.items():
            self._labels[CollectorNode("content", digest)] = labels
        for id, info in namespace.snapshots.items():
            node = node_of(id)
            self._labels[node] = info.labels
            if info.parent:
                self._edges[node].append(
                    CollectorNode("snapshot", f"{id.snapshotter}/{info.parent}")
                )
        for record in records:
            node = CollectorNode("container", record.id)
            self._labels[node] = record.labels
            if record.snapshotter:
                held = f"{record.snapshotter}/{record.snapshot_key}"
                self._edges[node].append(CollectorNode("snapshot", held))
        for image in namespace.images:
            node = CollectorNode("image", image.name)
            self._labels[node] = image.labels
            self._edges[node].append(CollectorNode("content", image.target.digest))
        self._images = {CollectorNode("image", image.name): image for image in namespace.images}
        self._back = self._back_edges()

    def roots(self) -> Iterator[CollectorNode]:
        """What is kept though nothing leads to it: all but what leases hold."""
        for node, labels in self._labels.items():
            by_label = node.kind in ("content", "snapshot") and is_root(labels, self.rules)
            if node.kind == "container" or by_label:
                yield node
        yield from self.living_images()

    def living_images(self) -> Iterator[CollectorNode]:
        """The images whose time is not over."""
        for node, image in self._images.items():
            if not has_expired(image.labels, self._now, self.rules):
                yield node

    def reach(self, roots: Iterable[CollectorNode]) -> frozenset[CollectorNode]:
        """Everything that the roots lead to; a flat node counts as the object that it is."""
        seen: set[CollectorNode] = set()
        waiting = list(roots)
        while waiting:
            node = waiting.pop()
            if node not in seen:
                seen.add(node)
                waiting.extend(self._next(node))
        return frozenset(node._replace(flat=False) for node in seen)

    def _next(self, node: CollectorNode) -> Iterator[CollectorNode]:
        yield from self._back.get(node, ())
        plain = node._replace(flat=False)
        for target in self._edges.get(plain, ()):
            yield target._replace(flat=node.flat)
        if not node.flat:
            yield from forward(self._labels.get(node, {}), self.rules)

    def _back_edges(self) -> dict[CollectorNode, list[CollectorNode]]:
        """Edges that the held object's own labels make, and those under a condition."""
        found: dict[CollectorNode, list[CollectorNode]] = defaultdict(list)
        for node, labels in self._labels.items():
            image = self._images.get(node)
            # The labels of an image that lives say nothing more: it is a root.
            if image is None or has_expired(image.labels, self._now, self.rules):
                for holder in backward(labels, self.rules):
                    found[holder].append(node)
            if node.kind in ("content", "image"):
                for target, sign, length in conditions(labels, self.rules):
                    for moment in used_at(self._labels.get(target, {}), self.rules):
                        age = self._now - moment
                        if age < length if sign == "<" else age > length:
                            found[node].append(target)
        return found
