"""Collects the facts of one failure from containerd and the host, before the task is deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iluvatar_bench.bugs import Evidence, KillFact
from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.values import ExitStatus, Mount
from iluvatar_bench.errors import ContainerdError, NotFound
from iluvatar_bench.host import cgroups, processes
from iluvatar_bench.host.mounts import MountEntry, read_mountinfo


@dataclass(frozen=True, slots=True)
class Subject:
    """What is known of the container whose failure is examined.

    Times are seconds since the epoch. ``oom_kills_before`` is the cgroup's counter when the
    container was created (None: the cgroup did not exist).
    """

    container_id: str
    step: str
    step_started_at: float
    step_ended_at: float
    snapshotter: str
    snapshot_key: str
    snapshot_prepared: bool
    snapshot_removed_by_us: bool
    task_created: bool
    mounts: Sequence[Mount]
    cgroup: str
    oom_kills_before: int | None
    exit_status: ExitStatus | None
    error: str
    own_kills: tuple[KillFact, ...]
    neighbour_kills: tuple[KillFact, ...]


async def collect(client: Client, address: Path, subject: Subject) -> Evidence:
    """Every fact that can be had; what cannot be had is None, with a note saying why.

    Never raises: a failure is examined best with whatever is left.
    """
    notes: list[str] = []
    upper, upper_exists = _upper_directory(client.namespace, subject)
    exit_status = subject.exit_status
    exited_at = exit_status.exited_at if exit_status else None
    return Evidence(
        container_id=subject.container_id,
        error=subject.error,
        step=subject.step,
        step_started_at=subject.step_started_at,
        step_ended_at=subject.step_ended_at,
        snapshot_key=subject.snapshot_key,
        snapshot_found=await _snapshot_found(client, subject, notes),
        snapshot_removed_by_us=subject.snapshot_removed_by_us,
        upper_directory=upper,
        upper_exists=upper_exists,
        missing_lower_directories=_missing_lower(subject.mounts),
        exit_status=exit_status.status if exit_status else None,
        exited_at=exited_at.timestamp() if exited_at else None,
        cgroup=subject.cgroup,
        **_cgroup_facts(subject, notes),
        shim_alive=_shim_alive(address, subject, notes),
        own_kills=subject.own_kills,
        neighbour_kills=subject.neighbour_kills,
        notes=tuple(notes),
    )


async def _snapshot_found(client: Client, subject: Subject, notes: list[str]) -> bool | None:
    if not subject.snapshot_prepared:
        return None
    try:
        await client.snapshots(subject.snapshotter).stat(subject.snapshot_key)
    except NotFound:
        return False
    except ContainerdError as error:
        notes.append(str(error))
        return None
    return True


def _upper_directory(namespace: str, subject: Subject) -> tuple[str | None, bool | None]:
    """The writable directory and whether it still exists.

    The bundle's root mount outlives the process: it is there until Tasks.Delete. Where the mount
    never came about, the mount request names the directory.
    """
    entry = _bundle_mount(namespace, subject.container_id)
    if entry is not None and entry.upper_directory is not None:
        exists = not entry.root_deleted and Path(entry.upper_directory).is_dir()
        return entry.upper_directory, exists
    for mount in subject.mounts:
        if mount.upper_directory is not None:
            return mount.upper_directory, Path(mount.upper_directory).is_dir()
    return None, None


def _bundle_mount(namespace: str, container_id: str) -> MountEntry | None:
    suffix = f"/{namespace}/{container_id}/rootfs"
    entries = [e for e in read_mountinfo() if e.mount_point.endswith(suffix)]
    return entries[-1] if entries else None


def _missing_lower(mounts: Sequence[Mount]) -> tuple[str, ...] | None:
    if not mounts:
        return None
    return tuple(
        directory
        for mount in mounts
        for directory in mount.lower_directories
        if not Path(directory).is_dir()
    )


def _cgroup_facts(subject: Subject, notes: list[str]) -> dict[str, Any]:
    try:
        members = cgroups.members(subject.cgroup)
        counter = cgroups.oom_kills(subject.cgroup)
    except OSError as error:
        notes.append(f"cgroup {subject.cgroup}: {error}")
        return {}
    return {
        "cgroup_members": None if members is None else len(members),
        "oom_kills": None if counter is None else counter - (subject.oom_kills_before or 0),
    }


def _shim_alive(address: Path, subject: Subject, notes: list[str]) -> bool | None:
    if not subject.task_created:
        return None
    try:
        return bool(processes.shims_of(address, container_id=subject.container_id))
    except OSError as error:
        notes.append(f"looking for the shim: {error}")
        return None
