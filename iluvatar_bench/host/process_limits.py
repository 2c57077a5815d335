"""This process's and this host's own limits, beside what so many containers at a time need.

What the harness runs out of is no failure of a container, so it is looked at before a run.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from iluvatar_bench.errors import EnvironmentProblem

BASE_DESCRIPTORS = 128
DESCRIPTORS_EACH = 8
"""For a container: two that hold its process, its namespace, its connection and, while it is made
or removed, the pipes of a CNI plugin."""

BASE_TASKS = 200
TASKS_EACH = 24
"""For a container: its shim (11 threads as seen), runc while it is made, the function's server."""

_INOTIFY = Path("/proc/sys/fs/inotify")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit: what there is of it (None: no limit), what is needed, and how to get more."""

    name: str
    have: int | None
    needed: int
    remedy: str

    @property
    def enough(self) -> bool:
        """Whether there is as much as needed."""
        return self.have is None or self.have >= self.needed


def raise_descriptor_limit() -> None:
    """Let this process open as many descriptors as it is allowed to, which needs no privilege.

    Containers have a limit of their own (the profile's ``open_files``).
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def limits_for(concurrency: int) -> tuple[Limit, ...]:
    """The limits that so many containers at a time may meet."""
    return tuple(_limits(concurrency))


def _limits(concurrency: int) -> Iterator[Limit]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield Limit(
        name="open files",
        have=None if hard == resource.RLIM_INFINITY else hard,
        needed=BASE_DESCRIPTORS + DESCRIPTORS_EACH * concurrency,
        remedy="raise the hard limit: ulimit -Hn, LimitNOFILE= of a systemd unit",
    )
    yield Limit(
        name="inotify instances",
        have=_number(_INOTIFY / "max_user_instances"),
        needed=1,
        remedy="sysctl fs.inotify.max_user_instances=128",
    )
    yield Limit(
        name="inotify watches",
        have=_number(_INOTIFY / "max_user_watches"),
        needed=concurrency,
        remedy=f"sysctl fs.inotify.max_user_watches={max(8192, concurrency)}",
    )
    yield Limit(
        name="processes and threads",
        have=_tasks(),
        needed=BASE_TASKS + TASKS_EACH * concurrency,
        remedy="raise kernel.threads-max, kernel.pid_max or the cgroup's pids.max",
    )


def _tasks() -> int | None:
    kernel = Path("/proc/sys/kernel")
    own = _own_pids_cgroup()
    files = [kernel / "threads-max", kernel / "pid_max", *([own / "pids.max"] if own else [])]
    found = [number for file in files if (number := _number(file)) is not None]
    return min(found, default=None)


def _own_pids_cgroup() -> Path | None:
    """The cgroup that counts this process's threads (cgroups(7)); None where nobody counts."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    home = Path("/sys/fs/cgroup")
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if "pids" in controllers.split(","):
            return home / "pids" / path.lstrip("/")
        if controllers == "" and (home / "cgroup.controllers").exists():
            return home / path.lstrip("/")
    return None


def _number(file: Path) -> int | None:
    """The number in a file; None for one that is not there, or says that there is no limit."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def require_limits(concurrency: int) -> None:
    """Refuse a run whose containers this host's limits would fail instead of containerd.

    Raises:
        EnvironmentProblem: a limit is too low; the message says which, and what to do.
    """
    for limit in limits_for(concurrency):
        if not limit.enough:
            raise EnvironmentProblem(
                f"{concurrency} containers at a time need {limit.needed} {limit.name}, and there "
                f"are {limit.have}: {limit.remedy}, or ask for fewer at a time"
            )
