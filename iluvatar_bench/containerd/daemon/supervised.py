"""Private daemons that live on: started, found, looked at and stopped from any process.

Each is owned by a supervisor (``supervisor``), a process in a session of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from iluvatar_bench.containerd.daemon.abandoned import remove_abandoned_place
from iluvatar_bench.containerd.daemon.place import STATE_HOME, Place, require_root, try_lock_place
from iluvatar_bench.errors import DaemonStartFailed, DiskFull, EnvironmentProblem
from iluvatar_bench.host.shared_folders import entries

SUPERVISOR = "iluvatar_bench.containerd.daemon.supervisor"

_STOP_SECONDS = 60.0
"""For containers that are ended in order; then the supervisor is killed."""

_WATCHDOG_SECONDS = 20.0
_LOOK_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisedDaemon:
    """One daemon that lives on. ``pid`` is its supervisor's."""

    id: str
    pid: int
    version: str
    started_at: datetime
    collector: str
    log_level: str

    @property
    def place(self) -> Place:
        """Its paths."""
        return Place(self.id)

    @property
    def age_seconds(self) -> float:
        """How long ago it answered for the first time."""
        return (datetime.now(UTC) - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonHealth:
    """What a daemon is like now. ``containers`` are those that run, None where it did not say."""

    supervised: bool
    """Whether its supervisor lives."""
    removing: bool
    """Whether the supervisor is gone, and its watchdog or somebody who cleans is at work."""
    containers: int | None
    problem: str = ""

    @property
    def state(self) -> str:
        """In a word or two."""
        if not self.supervised:
            return "being removed" if self.removing else "left behind"
        return "healthy" if self.containers is not None else "does not answer"


def start_supervised(*, collector: str, log_level: str) -> SupervisedDaemon:
    """Start a private containerd that lives on after this process; return once it answers.

    Raises:
        InsufficientPrivilege: not root.
        DaemonStartFailed: it did not come up; the message says why.
        DiskFull: there is no room for what it writes.
    """
    require_root("running containers")
    read_end, write_end = os.pipe()
    with open(read_end, encoding="utf-8") as report:  # noqa: PTH123
        try:
            pid = _spawn(write_end, collector, log_level)
        finally:
            os.close(write_end)
        try:
            document = json.loads(report.readline() or "{}")
        except BaseException:
            # Given up by the user: nobody would know of it.
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)
            raise
    if "id" not in document:
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        kind = DiskFull if document.get("disk_full") else DaemonStartFailed
        raise kind(
            document.get("error", f"the supervisor ended with status {code} and said nothing")
        )
    return _daemon(document)


def _spawn(write_end: int, collector: str, log_level: str) -> int:
    """Start a supervisor in a session of its own; not a child that has to be awaited."""
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-P", "-m", SUPERVISOR, collector, log_level],
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_DUP2, write_end, 1),
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        ],
        setsid=True,
        setsigmask=(),
    )


def supervised_daemons() -> tuple[SupervisedDaemon, ...]:
    """Every daemon that lives on, oldest first, and those whose supervisor was killed.

    Raises:
        InsufficientPrivilege: not root.
    """
    require_root("finding private daemons")
    found = []
    for place in (Place(folder.name) for folder in entries(STATE_HOME)):
        file = place.supervisor
        try:
            found.append(_daemon(json.loads(file.read_text())))
        except (FileNotFoundError, NotADirectoryError):
            # A daemon of another kind, or stopped since.
            continue
        except (OSError, ValueError, TypeError, LookupError) as error:
            raise EnvironmentProblem(
                f"{file} cannot be read: what is said there of a private daemon is torn or of "
                "another version; iluvatar-bench clean removes the daemon once its owner is gone"
            ) from error
    return tuple(sorted(found, key=lambda daemon: daemon.started_at))


def is_supervised(daemon: SupervisedDaemon) -> bool:
    """Whether its supervisor lives: the process of this number may be another one by now."""
    from iluvatar_bench.host.kernel.processes import command_line

    return SUPERVISOR in command_line(daemon.pid)


async def look_at(daemon: SupervisedDaemon) -> DaemonHealth:
    """Ask the daemon; changes nothing."""
    from iluvatar_bench.containerd.client import NAMESPACE, connect_unchanged
    from iluvatar_bench.containerd.values import TaskState
    from iluvatar_bench.errors import IluvatarBenchError

    # By its process and not by the lock alone: that one is held by whoever removes it, too.
    supervised = is_supervised(daemon)
    with try_lock_place(daemon.place) as abandoned:
        removing = not supervised and not abandoned
    health = partial(DaemonHealth, supervised=supervised, removing=removing)
    try:
        async with (
            asyncio.timeout(_LOOK_SECONDS),
            connect_unchanged(daemon.place.socket, namespace=NAMESPACE) as client,
        ):
            running = 0
            for namespace in await client.namespaces.list():
                tasks = await client.under(namespace).tasks.list()
                running += sum(task.state is TaskState.RUNNING for task in tasks)
        return health(containers=running)
    except TimeoutError:
        problem = f"no answer within {_LOOK_SECONDS:g} s"
        return health(containers=None, problem=problem)
    except IluvatarBenchError as error:
        return health(containers=None, problem=str(error))


async def stop_supervised(daemon: SupervisedDaemon) -> None:
    """Stop a daemon and remove everything that belongs to it.

    Its supervisor does it in order; where that one does not end in time it is killed, and its
    watchdog does it.

    Raises:
        EnvironmentProblem: something could not be removed; the message says what.
    """
    await asyncio.to_thread(_end_supervisor, daemon)
    deadline = time.monotonic() + _WATCHDOG_SECONDS
    left: list[str] = []
    while daemon.place.state.exists() or daemon.place.data.exists():
        with try_lock_place(daemon.place) as abandoned:
            # Neither the supervisor nor a watchdog is there to do it.
            left = await remove_abandoned_place(daemon.place) if abandoned else []
        if time.monotonic() > deadline:
            raise EnvironmentProblem(
                f"daemon {daemon.id} could not be removed: {'; '.join(left) or 'it is in use'}; "
                "try iluvatar-bench clean"
            )
        await asyncio.sleep(0.05)


def _end_supervisor(daemon: SupervisedDaemon) -> None:
    with ExitStack() as stack:
        try:
            pidfd = os.pidfd_open(daemon.pid)
        except ProcessLookupError:
            return
        stack.callback(os.close, pidfd)
        # Held by the pidfd now; the number may have been another process's before.
        if not is_supervised(daemon):
            return
        poller = select.poll()
        poller.register(pidfd, select.POLLIN)
        for number in (signal.SIGTERM, signal.SIGKILL):
            signal.pidfd_send_signal(pidfd, number)
            if poller.poll(int(_STOP_SECONDS * 1000)):
                return


def _daemon(document: dict[str, Any]) -> SupervisedDaemon:
    started_at = datetime.fromisoformat(document["started_at"])
    return SupervisedDaemon(**{**document, "started_at": started_at})
