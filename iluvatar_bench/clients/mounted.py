"""Which snapshot a task mounts: told by the paths of its mounts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from iluvatar_bench.clients.stored import Life, Store, Stored
from iluvatar_bench.records import Call


class Mounted:
    """Paths that snapshots were mounted by, and tasks that mount them."""

    def __init__(self) -> None:
        self._paths: dict[tuple[str, str], Stored] = {}
        self.tasks: dict[tuple[str, str, int], Stored] = {}
        """By namespace, container and number of the Tasks.Create."""

    def learn(self, call: Call, snapshot: Stored) -> None:
        """Remember the paths of the mounts that a call on the snapshot answered."""
        for mount in call.answer.get("mounts", ()):
            if path := _own_path(mount):
                self._paths[snapshot.namespace, path] = snapshot

    def of(self, namespace: str, mounts: Iterable[Mapping[str, Any]]) -> Stored | None:
        """The snapshot with one of these mounts."""
        for mount in mounts:
            found = self._paths.get((namespace, _own_path(mount)))
            if found is not None:
                return found
        return None

    def task(
        self, call: Call, namespace: str, name: str, record: Life | None, store: Store
    ) -> Stored | None:
        """The snapshot of a new task: by its mounts, by its record, or of the same name."""
        found = self.of(namespace, call.request.get("rootfs", ()))
        if found is None and record is not None and record.state.get("snapshot_key"):
            key = f"{record.state['snapshotter']}/{record.state['snapshot_key']}"
            found = Stored(namespace, "snapshot", key)
        if found is None and record is not None:
            key = f"{record.state.get('snapshotter', '')}/{name}"
            same = Stored(namespace, "snapshot", key)
            found = same if same in store.lives else None
        if found is not None:
            self.tasks[namespace, name, call.number] = found
        return found

    def snapshot_of(self, namespace: str, name: str, made_by: int | None) -> Stored | None:
        """The snapshot of the task that this call made."""
        return self.tasks.get((namespace, name, made_by or 0))


def _own_path(mount: Mapping[str, Any]) -> str:
    """What no other snapshot has: the upper directory, or the source where there is none.

    A View has neither of its own, only its parents' directories: "".
    """
    if mount.get("upperdir"):
        return str(mount["upperdir"])
    if mount.get("read_only"):
        return ""
    source = str(mount.get("source", ""))
    return source if source.startswith("/") else ""
