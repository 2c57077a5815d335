"""Removing a container: in the right order, or as the worker of 2022 did."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable

from iluvatar_bench.bugs import KillFact
from iluvatar_bench.containerd.values import ExitStatus
from iluvatar_bench.errors import (
    AnswerLost,
    ContainerdError,
    DaemonFault,
    FailedPrecondition,
    NotFound,
    StepTimedOut,
    Unreachable,
)
from iluvatar_bench.lifecycle.container import Container

EXIT_SECONDS = 10.0
"""How long a killed process may take to end, and how long the worker of 2022 polled."""

POLL_SECONDS = 0.005


async def remove_container(container: Container) -> tuple[str, ...]:
    """End and remove the container the way its profile says.

    Safe at any point of its life. Every part is tried even if an earlier one failed; the first
    error is raised, with the others as its notes. Returns notes on what went wrong on a way that
    led to the end all the same; mostly empty.

    Raises:
        ProcessDied: it turns out that a ready process had ended before this client's Kill.
        ContainerdError, StepTimedOut: the container could not be removed.
    """
    errors: list[Exception] = []
    notes: list[str] = []
    own_kill: KillFact | None = None
    status: ExitStatus | None = None
    progress = container.progress
    if progress.task_created:
        own_kill, kill_error = await _kill(container)
        try:
            status = await _delete_task(container)
        except (ContainerdError, StepTimedOut) as error:
            errors += [kill_error, error] if kill_error else [error]
        else:
            # The task is gone, so the Kill's end was reached. With a shared cgroup the Kill often
            # fails in that very moment, because a neighbour's removal took the cgroup along.
            notes += [str(kill_error)] if kill_error else []
    await _drop_metadata(container, errors)
    if _died_unasked(container, own_kill, status):
        # The death is what happened; that removing a dead container went wrong as well is
        # secondary.
        assert status is not None
        errors.insert(0, container.death(status))
    if errors:
        for note in (*map(str, errors[1:]), *notes):
            errors[0].add_note(note)
        raise errors[0]
    return tuple(notes)


async def _drop_metadata(container: Container, errors: list[Exception]) -> None:
    progress = container.progress
    # The record must outlive the task; the ordered way lets it outlive the snapshot as well,
    # because a collection between the two would remove the snapshot first.
    if container.profile.removal == "ordered" and progress.snapshot_prepared:
        await _attempt(errors, container.snapshots.remove(container.snapshot_key))
        progress.snapshot_removed = True
    if progress.step_lease is not None:
        await _attempt(errors, container.node.client.leases.delete(progress.step_lease))
        progress.step_lease = None
    if progress.record_created:
        await _attempt(errors, container.node.client.containers.delete(container.id))


async def _attempt(errors: list[Exception], request: Awaitable[None]) -> None:
    try:
        await request
    except NotFound:
        # Already gone, which is what was wanted.
        pass
    except ContainerdError as error:
        errors.append(error)


async def _kill(container: Container) -> tuple[KillFact, ContainerdError | None]:
    """Send the Kill; an error other than *already gone* is handed back for the caller to weigh."""
    progress = container.progress
    if not progress.death_seen:
        progress.end_life(time.time())
    all_processes = container.profile.kill == "all"
    with container.kills.record(
        container.id, cgroup=container.cgroup, all_processes=all_processes, signal=signal.SIGKILL
    ) as kill:
        try:
            with progress.measure("kill_ms"):
                await container.node.client.tasks.kill(
                    container.id, signal=signal.SIGKILL, all_processes=all_processes
                )
        except (NotFound, FailedPrecondition):
            # There was nothing to kill: the process has ended, or was created and never started.
            pass
        except ContainerdError as error:
            return kill, error
    return kill, None


async def _delete_task(container: Container) -> ExitStatus | None:
    try:
        with container.progress.measure("delete_ms"):
            if container.profile.removal == "worker_2022":
                return await _poll_delete(container)
            await _await_exit(container)
            return await container.node.client.tasks.delete(container.id)
    except NotFound:
        return None


async def _await_exit(container: Container) -> None:
    if container.exited is None:
        return
    if container.exited.done() and isinstance(container.exited.exception(), AnswerLost):
        # That wait broke with the daemon; the one that is there now knows the task as well.
        container.watch_exit()
    done, _ = await asyncio.wait((container.exited,), timeout=EXIT_SECONDS)
    if not done:
        raise StepTimedOut(
            f"container {container.id} did not end within {EXIT_SECONDS:g} s of its Kill",
            container_id=container.id,
        )
    try:
        container.exited.result()
    except (AnswerLost, Unreachable):
        raise
    except ContainerdError:
        # The wait itself was refused (no such task): deleting will say what is the matter.
        pass


async def _poll_delete(container: Container) -> ExitStatus:
    """The worker's way: try to delete until the process happens to have ended."""
    deadline = time.monotonic() + EXIT_SECONDS
    while True:
        try:
            return await container.node.client.tasks.delete(container.id)
        except (DaemonFault, FailedPrecondition):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(POLL_SECONDS)


def _died_unasked(
    container: Container, own_kill: KillFact | None, status: ExitStatus | None
) -> bool:
    """Whether a ready process had ended before our Kill began, and nobody has noticed yet."""
    progress = container.progress
    if progress.ready_at is None or progress.death_seen or own_kill is None:
        return False
    if status is None or status.exited_at is None:
        return False
    return status.exited_at.timestamp() < own_kill.started_at
