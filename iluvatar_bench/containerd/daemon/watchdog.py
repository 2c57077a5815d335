"""The lifeline of a place: whatever ends its owner, everything of the place goes.

A process of its own watches the owner from before the first folder is made until the last one is
gone, and keeps the place's growing files in bounds meanwhile. It holds a pidfd of the owner and the
read end of a pipe whose write end the owner alone has (close-on-exec: neither containerd nor a shim
nor a plugin keeps it open). An owner that ends in
good order removes its things itself, writes a farewell and awaits the watchdog's end. Without a
farewell the watchdog does what ``clean`` does for that place, and the same for networks of owners
that are gone.

It is in a session of its own, where no terminal's signal reaches it, and it has the signals blocked
that ask a process to end: `systemctl stop` sends them to every process of a service, and this one
has to be the last. SIGKILL ends it; then ``clean`` still recognises the place by its lock.

Containerd itself has no parent-death signal (PR_SET_PDEATHSIG, prctl(2)): that one comes when the
*thread* ends that started it, needs code between fork and exec, and would leave shims, containers
and mounts behind all the same.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from iluvatar_bench.containerd.daemon import watchdog_process
from iluvatar_bench.containerd.daemon.place import (
    LOG_HEAD_BYTES,
    LOG_TAIL_BYTES,
    OUTPUT_HEAD_BYTES,
    OUTPUT_TAIL_BYTES,
    Place,
    claim_place,
    fresh_place,
    require_root,
)
from iluvatar_bench.containerd.daemon.teardown import clear_place
from iluvatar_bench.errors import EnvironmentProblem
from iluvatar_bench.host.kernel import cgroups

log = logging.getLogger(__name__)

_END_SECONDS = 5.0

_ASKING_TO_END = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
)


@contextmanager
def own_place(*, log_path: Path | None = None) -> Iterator[Place]:
    """A place of this process for the length of a block; then, or when it dies, all of it goes.

    The daemon's log is kept at ``log_path`` if one is given.

    Raises:
        InsufficientPrivilege: not root.
        UnusablePath: the folders cannot be made.
        EnvironmentProblem: the watchdog cannot be started.
    """
    require_root("running containers")
    place = fresh_place()
    with ExitStack() as stack:
        # Around everything else: it is to see the folders come and go.
        stack.enter_context(_watched(place, log_path))
        stack.enter_context(claim_place(place))
        stack.callback(_clear, place, log_path)
        _hold_shared_cgroup(place)
        yield place


def _hold_shared_cgroup(place: Place) -> None:
    """From now on the one that all places share is not empty, and nobody's end removes it.

    A runtime would lose it between making it and making what is below: ``mkdir …: no such file or
    directory``. Where it cannot be made, each container that needs it says so.
    """
    try:
        cgroups.make(place.cgroup)
    except OSError as error:
        log.debug("%s", error)


def _clear(place: Place, log_path: Path | None) -> None:
    for problem in clear_place(place, log_path=log_path):
        log.warning("left behind: %s", problem)


@contextmanager
def _watched(place: Place, log_path: Path | None) -> Iterator[None]:
    read_end, write_end = os.pipe()
    try:
        owner = os.pidfd_open(os.getpid())
        try:
            process = _start(place, log_path, read_end, owner)
        finally:
            os.close(owner)
            os.close(read_end)
    except OSError as error:
        os.close(write_end)
        raise EnvironmentProblem(f"cannot start the watchdog of a containerd: {error}") from error
    try:
        yield
    finally:
        _dismiss(process, write_end)


def _start(
    place: Place, log_path: Path | None, read_end: int, owner: int
) -> subprocess.Popen[bytes]:
    # A mask is inherited by a new process: there is no moment in which it could be asked to end.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ASKING_TO_END)
    try:
        return subprocess.Popen(
            [
                sys.executable,
                "-P",
                watchdog_process.__file__,
                place.id,
                "" if log_path is None else str(log_path.absolute()),
                str(read_end),
                str(owner),
                *(str(place.log), str(LOG_HEAD_BYTES), str(LOG_TAIL_BYTES)),
                *(str(place.scratch), str(OUTPUT_HEAD_BYTES), str(OUTPUT_TAIL_BYTES)),
            ],
            pass_fds=(read_end, owner),
            stdin=subprocess.DEVNULL,
            # Whoever reads the owner's output to its end does not wait for the watchdog's.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _dismiss(process: subprocess.Popen[bytes], write_end: int) -> None:
    try:
        os.write(write_end, watchdog_process.FAREWELL)
    except BrokenPipeError:
        log.warning("the watchdog %d had ended before its time", process.pid)
    finally:
        os.close(write_end)
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        log.warning("the watchdog %d did not end in time; killing it", process.pid)
        process.kill()
        process.wait()
