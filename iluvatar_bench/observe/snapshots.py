"""Which snapshots were prepared and removed lately, and where their files are."""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from iluvatar_bench.errors import ContainerdError, NotFound
from iluvatar_bench.observe.life import KnownSnapshot, ObservedLife, Under
from iluvatar_bench.observe.settings import MOST_SNAPSHOTS

log = logging.getLogger(__name__)

K = TypeVar("K")
V = TypeVar("V")

Key = tuple[str, str]
"""A namespace, and a snapshot's name in it."""

_TELLS_CLIENTS_ONLY = ("1.5.", "1.6.", "v1.5.", "v1.6.")
"""Up to 1.6 the collector publishes nothing: a ``/snapshot/remove`` is a client's (as seen on
1.6.20). From 1.7 on the event is the same for both."""


_UNPACKING = "extract-"
"""How containerd's own client, and others after it, begin the name of a layer that is unpacked."""


class SnapshotLog:
    """The last snapshots of all namespaces; ``snapshotters`` are those that the daemon has."""

    def __init__(self, under: Under, snapshotters: Sequence[str], version: str) -> None:
        self._under = under
        self._snapshotters = tuple(snapshotters)
        self._version = version
        self._prepared: OrderedDict[Key, tuple[float, KnownSnapshot]] = OrderedDict()
        self._removed: OrderedDict[Key, float] = OrderedDict()
        self._uppers: OrderedDict[tuple[str, str], str] = OrderedDict()

    def prepared_at(self, namespace: str, key: str) -> float | None:
        """When it was prepared, where that was seen."""
        found = self._prepared.get((namespace, key))
        return found[0] if found is not None else None

    def take_prepared(self, namespace: str, key: str, parent: str, at: float) -> None:
        """A client has prepared it."""
        _put(self._prepared, (namespace, key), (at, KnownSnapshot("", key, parent)))
        self._removed.pop((namespace, key), None)

    def take_removed(self, namespace: str, key: str, at: float) -> None:
        """It was removed."""
        _put(self._removed, (namespace, key), at)

    async def look(
        self, namespace: str, key: str, *, snapshotter: str = ""
    ) -> KnownSnapshot | None:
        """Ask what a mount of it would name; None where containerd does not know it."""
        parent = self._parent(namespace, key)
        for name in (snapshotter,) if snapshotter else self._snapshotters:
            snapshots = self._under(namespace).snapshots(name)
            try:
                mounts = await snapshots.mounts(key)
                parent = parent or (await snapshots.stat(key)).parent
            except NotFound:
                continue
            except ContainerdError as error:
                log.debug("%s", error)
                continue
            known = KnownSnapshot(name, key, parent, mounts)
            # One that was there before anybody looked counts as prepared at no time.
            at = self.prepared_at(namespace, key)
            _put(self._prepared, (namespace, key), (math.inf if at is None else at, known))
            if known.upper_directory is not None:
                _put(self._uppers, (namespace, known.upper_directory), key)
            return known
        return None

    def of(self, life: ObservedLife) -> KnownSnapshot | None:
        """The snapshot that a container writes to; None where nothing says it.

        Its record names it; or its task's mounts are those of one that was prepared; or, as with
        the worker of 2022, it has the container's own name.
        """
        record, task = life.record, life.task
        if record is not None and record.snapshot_key:
            found = self._known(life.namespace, record.snapshot_key)
            return found and replace(found, snapshotter=found.snapshotter or record.snapshotter)
        uppers = [m.upper_directory for m in task.mounts] if task is not None else []
        for upper in uppers:
            key = self._uppers.get((life.namespace, upper)) if upper is not None else None
            if key is not None:
                return self._known(life.namespace, key)
        own = self._known(life.namespace, life.container_id)
        if own is None or not own.mounts or not any(uppers):
            return own
        return own if own.upper_directory in uppers else None

    def removal_seen(self, life: ObservedLife) -> bool | None:
        """Whether a client removed the container's snapshot; None where nobody can say."""
        snapshot = life.snapshot
        if snapshot is None:
            return None
        if (life.namespace, snapshot.key) in self._removed:
            return True if self._version.startswith(_TELLS_CLIENTS_ONLY) else None
        return None if life.gaps or not snapshot.mounts else False

    def left_by(self, lives: Iterable[ObservedLife], *, before: float) -> int:
        """How many directories of snapshots are there that belong to no container.

        Counted are those that were prepared in sight before this time (seconds since the epoch), as
        far as they are remembered; layers that are being unpacked are none of them.
        """
        held = {(life.namespace, life.container_id) for life in lives}
        held |= {(life.namespace, life.snapshot.key) for life in lives if life.snapshot is not None}
        return sum(
            1
            for key, (at, known) in self._prepared.items()
            if at <= before
            and key not in held
            and not key[1].startswith(_UNPACKING)
            and known.upper_directory is not None
            and Path(known.upper_directory).is_dir()
        )

    def _known(self, namespace: str, key: str) -> KnownSnapshot | None:
        found = self._prepared.get((namespace, key))
        return found[1] if found is not None else None

    def _parent(self, namespace: str, key: str) -> str:
        known = self._known(namespace, key)
        return known.parent if known is not None else ""


def _put(kept: OrderedDict[K, V], key: K, value: V) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > MOST_SNAPSHOTS:
        kept.popitem(last=False)
