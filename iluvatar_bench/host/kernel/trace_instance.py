"""Traces of our own: an instance with its own buffers, settings and name, and whose it is.

All that traces of this project keep besides is below one folder::

    /run/iluvatar-bench-trace/<token>      held (flock) by the owner as long as it lives

An instance is ``iluvatar-bench-<token>`` with something behind it or nothing. Instances are the
kernel's: they outlive whoever made them, and a namesake in another container's /run is none of
ours. So only an instance whose lock file is here, with nobody holding it, was left behind.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from iluvatar_bench.errors import EnvironmentProblem, UnusablePath
from iluvatar_bench.host.kernel.tracefs import TraceFolder, open_tracefs
from iluvatar_bench.host.locks import lock_current, try_lock
from iluvatar_bench.host.shared_folders import entries

TRACE_HOME = Path("/run/iluvatar-bench-trace")
"""On a file system that a reboot empties, as it takes the instances with it."""

INSTANCES = "instances"

_NAME = re.compile(r"iluvatar-bench-([0-9a-f]{8})(?:-[a-z]+)?")

_LOCK_SECONDS = 30.0
"""Who cleans holds a lock for as long as the kernel takes to remove an instance."""

_TRIES = 50
_PAUSE_SECONDS = 0.02
"""The kernel answers EBUSY for a moment after the last descriptor of an instance was closed."""


@contextmanager
def own_instances(*parts: str) -> Iterator[tuple[TraceFolder, ...]]:
    """An instance for each part of a name (``""`` is none), for the length of a block.

    What was left behind by owners that are gone goes first.

    Raises:
        InsufficientPrivilege, EnvironmentProblem: as :func:`open_tracefs`; or the kernel makes no
            instance.
        UnusablePath: the folder of the locks cannot be made.
    """
    with ExitStack() as stack:
        root = stack.enter_context(open_tracefs())
        _remove_abandoned(root)
        token = secrets.token_hex(4)
        stack.enter_context(_claimed(token))
        folders = []
        try:
            for part in parts:
                name = f"iluvatar-bench-{token}" + (f"-{part}" if part else "")
                root.make(f"{INSTANCES}/{name}")
                stack.callback(_remove, root, name)
                folders.append(stack.enter_context(root.below(f"{INSTANCES}/{name}")))
        except OSError as error:
            raise EnvironmentProblem(
                f"the kernel makes no trace of our own: {error.strerror}"
            ) from error
        yield tuple(folders)


@contextmanager
def _claimed(token: str) -> Iterator[None]:
    """Hold the lock of a token; its file is there before any instance and goes after them."""
    path = TRACE_HOME / token
    try:
        # Whoever cleans may come between the file's making and its lock, and an owner that ends
        # between the folder's and the file's: then both are made again.
        descriptor = lock_current(path, seconds=_LOCK_SECONDS)
    except OSError as error:
        raise UnusablePath(
            f"cannot use the folder {TRACE_HOME}: {error.strerror or error}"
        ) from error
    try:
        yield
    finally:
        _forget(token)
        os.close(descriptor)


def remove_abandoned_instances() -> list[str]:
    """Remove the instances of every owner that is gone.

    Returns:
        what could not be removed, with the reason.
    """
    if not TRACE_HOME.is_dir() or os.geteuid() != 0:
        return []
    try:
        with open_tracefs() as root:
            return _remove_abandoned(root)
    except EnvironmentProblem as error:
        return [f"traces of owners that are gone: {error}"]


def instances_of(root: TraceFolder) -> dict[str, list[str]]:
    """The names of our instances by their owner's token, whoever owns them."""
    found: dict[str, list[str]] = {}
    for name in root.names(INSTANCES):
        if (match := _NAME.fullmatch(name)) is not None:
            found.setdefault(match[1], []).append(name)
    return found


def _remove_abandoned(root: TraceFolder) -> list[str]:
    left: list[str] = []
    for path in entries(TRACE_HOME):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        with try_lock(descriptor) as held:
            if held:
                names = instances_of(root).get(path.name, [])
                problems = [problem for name in names for problem in _remove(root, name)]
                left += problems
                if not problems:
                    _forget(path.name)
    return left


def _remove(root: TraceFolder, name: str) -> list[str]:
    """Remove one instance; one that is gone is no problem."""
    for _ in range(_TRIES):
        try:
            root.remove(f"{INSTANCES}/{name}")
        except FileNotFoundError:
            return []
        except OSError as error:
            problem = f"the trace {name}: {error.strerror}"
            time.sleep(_PAUSE_SECONDS)
        else:
            return []
    return [problem]


def _forget(token: str) -> None:
    (TRACE_HOME / token).unlink(missing_ok=True)
    try:
        TRACE_HOME.rmdir()
    except OSError:
        # Another owner's lock is in it, or another one has removed it.
        pass
