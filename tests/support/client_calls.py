"""Calls of a client, written down by hand: each takes 2 ms, and 8 ms pass between two."""

from __future__ import annotations

from typing import Any

from iluvatar_bench.records import Call

PACKAGES = {
    "Containers": "containers",
    "Snapshots": "snapshots",
    "Tasks": "tasks",
    "Leases": "leases",
    "Content": "content",
    "Images": "images",
    "Diff": "diff",
}
MS = 1_000_000
STEP_MS = 10
LENGTH_MS = 2


def call(
    number: int,
    called: str,
    /,
    *,
    lease: str | None = None,
    status: str | None = "OK",
    answer: dict[str, Any] | None = None,
    namespace: str = "ns",
    at_ms: tuple[float, float | None] | None = None,
    **request: Any,
) -> Call:
    """The call ``number``, from ``10 * number`` ms to 2 ms later unless ``at_ms`` says other."""
    service, _, method = called.partition(".")
    start, end = at_ms or (STEP_MS * number, STEP_MS * number + LENGTH_MS)
    return Call(
        number=number,
        method=f"containerd.services.{PACKAGES[service]}.v1.{service}/{method}",
        started_ns=int(start * MS),
        ended_ns=None if end is None else int(end * MS),
        namespace=namespace,
        lease=lease,
        status=status,
        request=request,
        answer=answer or {},
    )


class Recording:
    """Calls one after the other, numbered as they come."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def add(self, called: str, /, **values: Any) -> Recording:
        self.calls.append(call(len(self.calls) + 1, called, **values))
        return self

    def prepare(self, key: str, *, parent: str = "", **values: Any) -> Recording:
        mounts = {"mounts": [{"type": "overlay", "source": "overlay", "upperdir": f"/s/{key}"}]}
        request = {"snapshotter": "overlayfs", "key": key} | ({"parent": parent} if parent else {})
        return self.add("Snapshots.Prepare", answer=mounts, **request, **values)

    def record(self, name: str, key: str = "", **values: Any) -> Recording:
        return self.add(
            "Containers.Create",
            id=name,
            **{"snapshotter": "overlayfs", "snapshot_key": key, **values},
        )

    def task(self, name: str, key: str, **values: Any) -> Recording:
        rootfs = [{"type": "overlay", "source": "overlay", "upperdir": f"/s/{key}"}]
        return self.add("Tasks.Create", container_id=name, rootfs=rootfs, **values)

    def start(self, name: str) -> Recording:
        return self.add("Tasks.Start", container_id=name)

    def kill(self, name: str, *, every: bool = True, **values: Any) -> Recording:
        return self.add("Tasks.Kill", container_id=name, signal=9, all=every, **values)

    def delete(self, name: str, **values: Any) -> Recording:
        return self.add("Tasks.Delete", container_id=name, **values)

    def remove(self, key: str, **values: Any) -> Recording:
        return self.add("Snapshots.Remove", snapshotter="overlayfs", key=key, **values)

    def forget(self, name: str, **values: Any) -> Recording:
        return self.add("Containers.Delete", id=name, **values)

    def lease(self, name: str, *, labels: dict[str, str] | None = None, **values: Any) -> Recording:
        return self.add("Leases.Create", id=name, labels=labels or {}, **values)

    def unlease(self, name: str, **values: Any) -> Recording:
        return self.add("Leases.Delete", id=name, **values)


def guarded(name: str = "c", *, path: str | None = None) -> Recording:
    """The right order: a lease, then the record, removed from the inside out."""
    values = {} if path is None else {"cgroups_path": path}
    return (
        Recording()
        .lease("l")
        .prepare(name, parent="base", lease="l")
        .record(name, name, **values)
        .unlease("l")
        .task(name, name)
        .start(name)
        .kill(name)
        .delete(name)
        .remove(name)
        .forget(name)
    )
