"""Removing a container: in the right order, or as the worker of 2022 did."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from iluvatar_bench.bugs import KillFact
from iluvatar_bench.containerd.values import RESTART_LABEL, ExitStatus, TaskState
from iluvatar_bench.errors import (
    AnswerLost,
    ContainerdError,
    DaemonFault,
    FailedPrecondition,
    NotFound,
    StepTimedOut,
    Unreachable,
)
from iluvatar_bench.host.first_error import FirstError
from iluvatar_bench.lifecycle.cgroup_requests import resume_container
from iluvatar_bench.lifecycle.container import Container
from iluvatar_bench.lifecycle.end_by_hand import end_by_hand

T = TypeVar("T")

EXIT_SECONDS = 10.0
"""How long a killed process may take to end, and how long the worker of 2022 polled."""

GRACE_SECONDS = 2.0
"""How long a process that was asked to end by SIGTERM may take until it gets SIGKILL."""

POLL_SECONDS = 0.005

ANSWER_SECONDS = 5.0
"""How long a daemon that did not answer a Kill may take until it is sent once more: a restart takes
a part of a second."""

_ANSWER_LOOK_SECONDS = 0.05

RESTART_SECONDS = 2.0
"""How long the restart monitor may take to put a task in the place of one that has ended: twice
the second in which it looks on a private containerd."""

_RESTART_LOOK_SECONDS = 0.02


async def remove_container(container: Container) -> tuple[str, ...]:
    """End and remove the container the way its profile says.

    Safe at any point of its life. Every part is tried even if an earlier one failed; the first
    error is raised, with the others as its notes. Returns notes on what went wrong on a way that
    led to the end all the same; mostly empty.

    Raises:
        ProcessDied: it turns out that a ready process had ended before this client's Kill.
        AnswerLost: nobody knows whether a part was done, also where the later ones were.
        ContainerdError, StepTimedOut: the container could not be removed.
    """
    tried = FirstError()
    notes: list[str] = []
    own_kill: KillFact | None = None
    status: ExitStatus | None = None
    if container.profile.restart != "none" and container.progress.record_created:
        # First: the restart monitor would start again what is ended.
        forget = container.node.client.containers.set_labels
        await _part(tried, partial(forget, container.id, {RESTART_LABEL: ""}))
        await _wait_restarted(container)
    if container.progress.task_created:
        _renew_broken_wait(container)
        if container.progress.paused:
            notes += await _resume(container)
        own_kill, kill_error = await _end(container)
        if isinstance(kill_error, (AnswerLost, Unreachable)):
            # Perhaps it never came there, and the process lives. A daemon that is being restarted
            # would not hear a second one sent at once either.
            await _wait_answering(container)
            await _kill(container)
        deletion = FirstError()
        status = await deletion.attempt(_delete_task(container, deletion))
        if _refused(deletion) and (ended := await end_by_hand(container)) is not None:
            notes.append(ended)
        container.kills.reaped(container.id, status.exited_at if status is not None else None)
        if kill_error is None:
            pass
        elif deletion.errors or isinstance(kill_error, AnswerLost):
            tried.errors.append(kill_error)
        else:
            # The task is gone, so the Kill's end was reached. With a shared cgroup the Kill often
            # fails in that very moment, because a neighbour's removal took the cgroup along.
            notes.append(str(kill_error))
        tried.errors += deletion.errors
    await _drop_metadata(container, tried)
    if _died_unasked(container, own_kill, status):
        # The death is what happened; that removing a dead container went wrong as well is
        # secondary.
        assert status is not None
        tried.errors.insert(0, container.death(status))
    if tried.errors:
        for note in notes:
            tried.errors[0].add_note(note)
    tried.raise_first()
    return tuple(notes)


async def _wait_restarted(container: Container) -> None:
    """Return when the restart monitor has ended what it had begun before its label was taken off.

    Whoever saw the task end unasked, or could not make it, may be in the middle of it: the monitor
    goes on to make the next task, which would outlive its record. That one is awaited from here on.
    """
    awaited = container.exited is not None and not container.exited.done()
    if awaited or not container.progress.task_created:
        return
    deadline = time.monotonic() + RESTART_SECONDS
    while time.monotonic() < deadline:
        with suppress(ContainerdError):
            if (await container.node.client.tasks.get(container.id)).state is TaskState.RUNNING:
                container.watch_exit()
                return
        await asyncio.sleep(_RESTART_LOOK_SECONDS)


def _refused(deletion: FirstError) -> bool:
    """Whether the task could not be deleted by a daemon that answers.

    Of one that does not nobody knows what it will do next: its containers are left to it.
    """
    lost = [error for error in deletion.errors if isinstance(error, (AnswerLost, Unreachable))]
    return bool(deletion.errors) and not lost


async def _drop_metadata(container: Container, tried: FirstError) -> None:
    progress = container.progress
    lost = progress.asked_in_vain
    # The record must outlive the task; the ordered way lets it outlive the snapshot as well,
    # because a collection between the two would remove the snapshot first.
    if container.profile.removal == "ordered" and (
        progress.snapshot_prepared or "snapshot" in lost
    ):
        await _part(tried, partial(container.snapshots.remove, container.snapshot_key))
        progress.snapshot_removed = True
    if container.profile.removal == "ordered" and progress.layer_made:
        layer = container.reference.own_layer
        assert layer is not None
        await _part(tried, partial(container.snapshots.remove, layer))
    if progress.own_image is not None:
        await _part(tried, partial(container.node.client.images.delete, progress.own_image))
    if progress.step_lease is not None:
        await _part(tried, partial(container.node.client.leases.delete, progress.step_lease))
        progress.step_lease = None
    if progress.life_lease_created or "lease" in lost:
        lease = container.reference.life_lease
        await _part(tried, partial(container.node.client.leases.delete, lease))
        progress.life_lease_created = False
    if progress.record_created or "record" in lost:
        await _part(tried, partial(container.node.client.containers.delete, container.id))


async def _part(tried: FirstError, request: Callable[[], Awaitable[None]]) -> None:
    await tried.attempt(_ask_twice(tried, request))


async def _resume(container: Container) -> list[str]:
    """Resume what was paused, so that it can end; why that was refused, where it was."""
    try:
        await resume_container(container)
    except ContainerdError as error:
        # It has ended meanwhile, or a neighbour's removal has thawed the cgroup. Where the answer
        # was lost, the Kill that follows will say what is the matter.
        return [str(error)]
    return []


async def _end(container: Container) -> tuple[KillFact | None, Exception | None]:
    """End the process as the profile says: at once, or asked first.

    The Kill that is told of is the first one: from then on the end is this client's doing. None:
    there was nothing to end.
    """
    if container.profile.kill == "init" and _has_ended(container):
        # A Kill of the first process alone would reach nobody, and take a run of the OCI runtime
        # to say so. One of every process would reach whoever is left in the cgroup.
        return None, None
    if container.profile.stop != "term_then_kill" or container.exited is None:
        return await _kill(container)
    first, error = await _kill(container, signal.SIGTERM)
    if error is not None:
        return first, error
    with container.progress.span("grace"):
        await asyncio.wait((container.exited,), timeout=GRACE_SECONDS)
    if container.exited.done():
        return first, None
    _, error = await _kill(container)
    return first, error


def _has_ended(container: Container) -> bool:
    """Whether containerd has told of the exit, and nobody starts it again."""
    exited = container.exited
    if container.profile.restart != "none" or exited is None or not exited.done():
        return False
    return not exited.cancelled() and exited.exception() is None


async def _kill(
    container: Container, number: signal.Signals = signal.SIGKILL
) -> tuple[KillFact, Exception | None]:
    """Send the Kill; an error other than *already gone* is handed back for the caller to weigh."""
    progress = container.progress
    if not progress.death_seen:
        progress.end_life(time.time())
    all_processes = container.profile.kill == "all"
    with container.kills.record(
        container.id, cgroup=container.cgroup, all_processes=all_processes, signal=number
    ) as kill:
        try:
            with progress.measure("kill_ms"):
                await container.node.client.tasks.kill(
                    container.id, signal=number, all_processes=all_processes
                )
        except (NotFound, FailedPrecondition):
            # There was nothing to kill: the process has ended, or was created and never started.
            pass
        except Exception as error:
            return kill, error
    return kill, None


async def _wait_answering(container: Container) -> None:
    """Return when the daemon answers, or after :data:`ANSWER_SECONDS`."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            await container.node.client.introspection.version(seconds=ANSWER_SECONDS)
            return
        except (AnswerLost, Unreachable):
            if time.monotonic() > deadline:
                return
            await asyncio.sleep(_ANSWER_LOOK_SECONDS)


async def _ask_twice(tried: FirstError, request: Callable[[], Awaitable[T]]) -> T | None:
    """Make the request; once more where its answer is lost, so that nothing is left behind.

    The loss is one of the errors all the same: what was lost stays unknown.
    """
    try:
        return await request()
    except AnswerLost as error:
        tried.errors.append(error)
    return await tried.attempt(request())


async def _delete_task(container: Container, deletion: FirstError) -> ExitStatus | None:
    with container.progress.measure("delete_ms"):
        if container.profile.removal == "worker_2022":
            return await _poll_delete(container)
        await _await_exit(container, deletion)
        return await _ask_twice(deletion, partial(container.node.client.tasks.delete, container.id))


def _renew_broken_wait(container: Container) -> None:
    """Wait anew where the wait broke before the removal, with a daemon that was restarted.

    That lost nothing: a wait changes nothing, and whoever lived through the break has been told.
    """
    exited = container.exited
    if exited is not None and exited.done() and isinstance(exited.exception(), AnswerLost):
        container.watch_exit()


async def _await_exit(container: Container, deletion: FirstError) -> None:
    """Return when the process has ended.

    An answer that the wait lost is asked for once more, so that the task can be deleted all the
    same; the loss is the deletion's first error.
    """
    if container.exited is None:
        return
    for again in (False, True):
        done, _ = await asyncio.wait((container.exited,), timeout=EXIT_SECONDS)
        if not done:
            raise StepTimedOut(
                f"container {container.id} did not end within {EXIT_SECONDS:g} s of its Kill",
                container_id=container.id,
            )
        try:
            container.exited.result()
        except AnswerLost as error:
            if again:
                raise
            deletion.errors.append(error)
            # That wait broke with the daemon; the one that is there now knows the task as well.
            container.watch_exit()
        except Unreachable:
            raise
        except ContainerdError:
            # The wait itself was refused (no such task): deleting will say what is the matter.
            return
        else:
            return


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
    """Whether a ready process had ended before our Kill, if any, and nobody has noticed yet."""
    progress = container.progress
    if progress.ready_at is None or progress.death_seen:
        return False
    if status is None or status.exited_at is None:
        return False
    return own_kill is None or status.exited_at.timestamp() < own_kill.started_at
