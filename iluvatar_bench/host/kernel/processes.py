"""Processes by their PIDs: what they were started with, and their end without a race for a PID."""

from __future__ import annotations

import os
import re
import select
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from iluvatar_bench.host.kernel.mounts import read_mountinfo


def command_line(pid: int) -> tuple[str, ...]:
    """The arguments a process was started with; empty for one that has ended."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ()
    return tuple(part.decode(errors="replace") for part in raw.split(b"\0")[:-1])


def all_pids() -> tuple[int, ...]:
    """Every process visible to us."""
    return tuple(int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def environment(pid: int) -> dict[str, str]:
    """The environment a process was started with; empty where it may not be read."""
    try:
        raw = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return {}
    pairs = (part.decode(errors="replace").partition("=") for part in raw.split(b"\0") if part)
    return {name: value for name, _, value in pairs}


def parent_of(pid: int) -> int | None:
    """The parent's PID; None for a process that is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    found = re.search(r"^PPid:\t(\d+)$", status, re.MULTILINE)
    return int(found.group(1)) if found else None


@dataclass(frozen=True, slots=True)
class ProcessorTime:
    """Of a process's first thread since it began, in seconds.

    ``waited``: it was ready to run and had no processor, also because its cgroup was throttled.
    """

    ran: float
    waited: float


def processor_time(pid: int) -> ProcessorTime | None:
    """What the scheduler counts (Linux, Documentation/scheduler/sched-stats.rst); None: unknown."""
    try:
        ran, waited, *_ = Path(f"/proc/{pid}/schedstat").read_text().split()
    except (OSError, ValueError):
        return None
    return ProcessorTime(ran=int(ran) / 1e9, waited=int(waited) / 1e9)


_UNIFIED_ALONE = Path("/sys/fs/cgroup/cgroup.controllers")
"""There where version 2 is mounted at the place by which runc chooses between the versions
(libcontainer/cgroups/utils.go, IsCgroup2UnifiedMode)."""


def cgroup_of_process(pid: int) -> str | None:
    """The cgroup that a process is in (proc_pid_cgroup(5)); None where that is not known.

    Of version 1 it is that of the hierarchies in which runc looks for a container's processes, if
    it looks there: the kernel tells of those too that are mounted nowhere. The root cgroup counts
    as not known: a container of no runtime is put there.
    """
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return None
    by_controllers = {
        fields[1]: fields[2] for line in lines if len(fields := line.split(":", 2)) == 3
    }
    looked_at = () if _UNIFIED_ALONE.exists() else ("pids", "memory", "freezer")
    for controllers, path in by_controllers.items():
        if path != "/" and not set(controllers.split(",")).isdisjoint(looked_at):
            return path
    unified = by_controllers.get("", "/")
    return None if unified == "/" else unified


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits to be reaped does not."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    return re.search(r"^State:\t[ZX]", status, re.MULTILINE) is None


def shares_our_mounts(pid: int) -> bool:
    """Whether the process sees the mounts that we see: a container that is only being made does.

    True also for one that is gone: there is nothing of its own to be seen.
    """
    try:
        return Path(f"/proc/{pid}/ns/mnt").samefile("/proc/self/ns/mnt")
    except OSError:
        return True


def shares_our_pids(pid: int) -> bool | None:
    """Whether the process counts processes as we do; None where that may not be seen."""
    try:
        return Path(f"/proc/{pid}/ns/pid").samefile("/proc/self/ns/pid")
    except OSError:
        return None


def rooted_below(folder: Path) -> tuple[int, ...]:
    """Processes whose root file system comes from a folder: containers of one containerd.

    The folder is to have a name and a parent that are nobody else's: of a mount the kernel knows
    the path below its own file system only. A process that merely sees such a mount is none.
    """
    part = f"/{folder.parent.name}/{folder.name}/"
    return tuple(
        pid
        for pid in all_pids()
        if not shares_our_mounts(pid)
        for entry in read_mountinfo(pid, holding=part)
        if entry.mount_point == "/"
    )


def send_signal(pid: int, number: int, *, still: Callable[[], bool]) -> None:
    """Send a signal to one process.

    ``still`` says whether the number is that of the process that is meant; it is asked once the
    process is held, from when on the number cannot become another's.

    Raises:
        ProcessLookupError: it is gone.
    """
    descriptor = os.pidfd_open(pid)
    try:
        if not still():
            raise ProcessLookupError(f"process {pid} is another one now")
        signal.pidfd_send_signal(descriptor, number)
    finally:
        os.close(descriptor)


def end(find: Callable[[], Iterable[int]], *, seconds: float = 10.0) -> tuple[int, ...]:
    """SIGKILL the processes that ``find`` finds, in its order, and wait until they are gone.

    It is asked twice: each process is held by a pidfd, and then has to be found again. One that
    ended before it was held has left its number to whoever comes next, who is not found, or is
    meant as well.

    Returns:
        the PIDs that were still there when the time was up.
    """
    descriptors: dict[int, int] = {}
    try:
        for pid in find():
            try:
                descriptors[pid] = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
        meant = [pid for pid in find() if pid in descriptors]
        for pid in meant:
            try:
                signal.pidfd_send_signal(descriptors[pid], signal.SIGKILL)
            except ProcessLookupError:
                continue
        return tuple(pid for pid in meant if not _wait_ended(descriptors[pid], seconds))
    finally:
        for descriptor in descriptors.values():
            os.close(descriptor)


def _wait_ended(descriptor: int, seconds: float) -> bool:
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(int(seconds * 1000)))
