"""Deaths that tests bring about from outside of containerd."""

from __future__ import annotations

import signal
from functools import partial

from iluvatar_bench.host.kernel import processes


def processes_of(container_id: str) -> list[int]:
    """Every process in the cgroup of a container of that name."""
    return [pid for pid in processes.all_pids() if _is_in(container_id, pid)]


def kill_processes_of(container_id: str) -> None:
    """SIGKILL every process in the cgroup of a container of that name.

    By what the kernel says of each process: a walk through the cgroups meets those of neighbours,
    which go while it is under way.
    """
    found = processes_of(container_id)
    assert found, f"nobody is in a cgroup of {container_id}"
    for pid in found:
        processes.send_signal(pid, signal.SIGKILL, still=partial(_is_in, container_id, pid))


def _is_in(container_id: str, pid: int) -> bool:
    cgroup = processes.cgroup_of_process(pid)
    return cgroup is not None and cgroup.endswith(f"/{container_id}")
