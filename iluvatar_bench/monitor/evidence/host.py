"""The part of the evidence that stands on this host: mounts, directories, cgroup, shim, kernel.

Blocking calls, some milliseconds in all; each may raise OSError.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from iluvatar_bench.bugs import DaemonFact
from iluvatar_bench.containerd.values import Mount
from iluvatar_bench.host.full_disk import free_bytes
from iluvatar_bench.host.kernel import cgroups, processes
from iluvatar_bench.host.kernel.kernel_log import lines_about, read_kernel_log
from iluvatar_bench.host.kernel.layered_tree import LayeredTree
from iluvatar_bench.host.kernel.listener import listener_at
from iluvatar_bench.host.kernel.mounts import MountEntry, read_mountinfo
from iluvatar_bench.host.kernel.shims import shim_of
from iluvatar_bench.host.tails import read_tail
from iluvatar_bench.monitor.evidence.failing_container import FailingContainer
from iluvatar_bench.monitor.evidence.rootfs import SeenRoot

Facts = dict[str, Any]
"""Fields of the evidence by their names."""

_MOST_PIDS = 32


def who_listens(address: Path) -> DaemonFact | None:
    """Which process is containerd now; None where the kernel does not tell.

    Raises:
        OSError: nobody listens at its socket.
    """
    found = listener_at(address)
    return None if found is None else DaemonFact(found.pid, found.started_at)


def daemon_facts(address: Path) -> Facts:
    """Who is containerd now, or that nobody is."""
    try:
        return {"daemon_now": who_listens(address), "daemon_reachable": True}
    except (ConnectionRefusedError, FileNotFoundError):
        return {"daemon_reachable": False}


def root_facts(namespace: str, failing: FailingContainer) -> Facts:
    """The root mount and the directories it stands on.

    A process that lives has it in its own table. The bundle's mount outlives the process: it is
    there until Tasks.Delete. Where no mount came about, the mount request names the directories.
    """
    facts: Facts = {}
    entry, seen_by = _root_mount(namespace, failing)
    if entry is not None:
        facts |= {"root_mount": entry.line, "root_mount_seen_by": seen_by}
    upper, work, lower = _directories(entry, failing.mounts)
    if upper is not None:
        deleted = entry is not None and entry.root_deleted
        facts |= {
            "upper_directory": upper,
            # A directory, or blockfile's file.
            "upper_exists": not deleted and Path(upper).exists(),
        }
    if work is not None:
        facts |= {"work_directory": work, "work_exists": Path(work).is_dir()}
    if entry is not None or failing.mounts:
        missing = tuple(path for path in lower if not Path(path).is_dir())
        facts |= {"lower_directories": len(lower), "missing_lower_directories": missing}
    return facts


def _root_mount(namespace: str, failing: FailingContainer) -> tuple[MountEntry | None, str | None]:
    pid = failing.pid
    if pid is not None and processes.is_alive(pid) and not processes.shares_our_mounts(pid):
        own = [e for e in read_mountinfo(pid) if e.mount_point == "/"]
        if own:
            return own[-1], "process"
    entry = _bundle_mount(namespace, failing)
    return (entry, "bundle") if entry is not None else (None, None)


def _bundle_mount(namespace: str, failing: FailingContainer) -> MountEntry | None:
    """The mount in the container's bundle, and not in that of a namesake on another containerd."""
    suffix = f"/{namespace}/{failing.container_id}/rootfs"
    asked = {mount.upper_directory for mount in failing.mounts} - {None}
    entries = [
        entry
        for entry in read_mountinfo()
        if entry.mount_point.endswith(suffix)
        and not (asked and entry.fs_type == "overlay" and entry.upper_directory not in asked)
    ]
    return entries[-1] if entries else None


def _directories(
    entry: MountEntry | None, mounts: Sequence[Mount]
) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Upper, work and lower directories.

    An overlay says what it is made of, but shortens its lower directories; a bind shows its source
    by the path inside its own file system. The request names all in full.
    """
    lower = tuple(directory for mount in mounts for directory in mount.lower_directories)
    if entry is not None and entry.fs_type == "overlay":
        return entry.upper_directory, entry.overlay_option("workdir"), lower
    for mount in mounts:
        if mount.upper_directory is not None:
            return mount.upper_directory, mount.option("workdir"), lower
    # Without a request a bind is all there is to go by; what was asked for and has no directory (a
    # subvolume, a device) shows the path within its own file system, which is none of the host's.
    return (None if entry is None or mounts else entry.upper_directory), None, lower


def seen_root(namespace: str, failing: FailingContainer) -> SeenRoot | None:
    """The container's root as it is now; None where there is none to look into."""
    pid = failing.pid
    entry, seen_by = _root_mount(namespace, failing)
    if entry is None or seen_by is None:
        return None
    path = Path(f"/proc/{pid}/root") if seen_by == "process" else Path(entry.mount_point)
    return SeenRoot(LayeredTree((path,)), seen_by)


def cgroup_facts(failing: FailingContainer) -> Facts:
    """Who is in the cgroup, whether it is frozen, its memory limit, and what it counts of that."""
    members = cgroups.members(failing.cgroup)
    counters = cgroups.memory_counters(failing.cgroup)
    facts: Facts = {
        "cgroup_identity": cgroups.identity(failing.cgroup),
        "memory_counters": counters,
        "controllers_above": cgroups.controllers_above(failing.cgroup),
        "cgroup_frozen": cgroups.is_frozen(failing.cgroup),
        "memory_limit_bytes": cgroups.memory_limit(failing.cgroup),
        "throttled_seconds": cgroups.throttled_seconds(failing.cgroup),
    }
    if failing.joined is not None:
        facts |= {
            "cgroup_joined": failing.joined.joined,
            "cgroup_of_process": failing.joined.where,
        }
    if members is not None:
        facts |= {
            "cgroup_members": len(members),
            "cgroup_pids": tuple(sorted(members)[:_MOST_PIDS]),
        }
    if counters is not None and "oom_kill" in counters:
        facts["oom_kills"] = counters["oom_kill"] - (failing.oom_kills_before or 0)
    return facts


def process_facts(address: Path, failing: FailingContainer) -> Facts:
    """The process and its shim. A number that another process has got since is neither."""
    facts: Facts = {"pid": failing.pid, "shim_pid": failing.shim_pid}
    if failing.pid is not None:
        time_of_it = processes.processor_time(failing.pid)
        # Asked afterwards: what was read above is then of the process that lives.
        facts["process_alive"] = processes.is_alive(failing.pid)
        if time_of_it is not None and facts["process_alive"]:
            facts["processor_ran_seconds"] = time_of_it.ran
            facts["processor_waited_seconds"] = time_of_it.waited
    if failing.task_created:
        shim = shim_of(address, failing.container_id)
        if shim is not None:
            facts |= {"shim_alive": True, "shim_pid": shim}
        elif failing.shim_pid is not None:
            facts["shim_alive"] = False
    return facts


def output_facts(failing: FailingContainer) -> Facts:
    """The ends of what the process wrote, and how much stands before them."""
    stdout, stderr = read_tail(failing.stdout), read_tail(failing.stderr)
    return {
        "stdout_tail": stdout.text,
        "stdout_cut_bytes": stdout.cut_bytes,
        "stderr_tail": stderr.text,
        "stderr_cut_bytes": stderr.cut_bytes,
    }


def room_facts(failing: FailingContainer) -> Facts:
    """Whether what the process writes can be kept."""
    return {"output_free_bytes": free_bytes(failing.stdout.parent)}


def kernel_facts(failing: FailingContainer) -> Facts:
    """What the kernel logged since the failed step began."""
    pids = [pid for pid in (failing.pid, failing.shim_pid) if pid is not None]
    names = [failing.container_id, failing.cgroup]
    found = lines_about(
        read_kernel_log(),
        names=names,
        pids=pids,
        since=failing.step_started_at,
        until=time.time(),
    )
    return {"kernel_log": found}
