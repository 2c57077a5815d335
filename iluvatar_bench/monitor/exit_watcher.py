"""Sees every death at once: three ways to know of one, and the first to tell it wins.

* The kernel: a pidfd becomes readable when its process ends (pidfd_open(2)).
* Tasks.Wait: the shim reaps the process and containerd answers.
* The event stream: containerd publishes a TaskExit.

No way can be relied on alone. A pidfd needs the process in sight; a Wait breaks with the daemon; an
event can be lost, or come twice because a shim sends it again. Each way's time is kept.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from iluvatar_bench.containerd.services.events import DaemonEvent
from iluvatar_bench.containerd.values import ExitStatus, TaskInfo, TaskState
from iluvatar_bench.errors import AnswerLost, ContainerdError, NotFound, Unreachable, UsageError
from iluvatar_bench.host.kernel.held_process import HeldProcess
from iluvatar_bench.records import Death, Way

log = logging.getLogger(__name__)

_EXIT_TOPIC = "/tasks/exit"

MOST_LEAVING = 500
"""Waits that nobody waits for, and that may still be answered."""

MOST_CLOSED = 1000
"""Containers that are watched no more and may still be told of: events come within seconds."""


@dataclass(slots=True)
class _Watched:
    container_id: str
    pid: int | None
    process: HeldProcess | None
    seen: dict[Way, float] = field(default_factory=dict)
    """When each way told the death, in seconds since the epoch, in the order they did."""
    status: ExitStatus | None = None
    waiter: asyncio.Task[None] | None = None
    open: bool = True

    @property
    def lives(self) -> bool:
        """Whether its process is held and has not ended: proof against every other word."""
        return self.process is not None and not self.process.ended()

    def death(self, run_id: str) -> Death:
        first = next(iter(self.seen))
        status = self.status
        exited_at = status.exited_at if status is not None else None
        told = {f"{way}_at": _utc(at) for way, at in self.seen.items()}
        return Death(
            run_id=run_id,
            container_id=self.container_id,
            pid=self.pid,
            first_way=first,
            first_seen_at=_utc(self.seen[first]),
            exit_status=status.status if status is not None else None,
            exited_at=exited_at.isoformat() if exited_at is not None else None,
            **told,
        )


class TaskSource(Protocol):
    """What is asked about tasks: ``containerd.services.tasks.Tasks``, or the like of it."""

    async def wait_exit(self, container_id: str) -> ExitStatus:
        """Return when the task's first process has ended."""

    async def get(self, container_id: str) -> TaskInfo:
        """The state of one task."""

    async def list(self) -> tuple[TaskInfo, ...]:
        """Every task."""


class HasTasks(Protocol):
    """A client, as far as it is asked about tasks."""

    @property
    def tasks(self) -> TaskSource:
        """The tasks."""


class ExitWatcher:
    """The deaths of the containers it is told to watch.

    ``on_death`` is called once for each, with the container's id, by the first way that tells it;
    ``on_told`` each time that a way tells one, with what is known of it then.
    Use it within one event loop; :meth:`close` releases what is still watched.
    """

    def __init__(
        self,
        client: HasTasks,
        *,
        on_death: Callable[[str], None] | None = None,
        on_told: Callable[[Death], None] | None = None,
        run_id: str = "",
    ) -> None:
        self._client = client
        self._on_death = on_death
        self._on_told = on_told
        self._run_id = run_id
        self._watched: dict[str, _Watched] = {}
        self._past: list[_Watched] = []
        self._closed: deque[_Watched] = deque()
        """Those that are watched no more, where somebody else keeps what is told."""
        self._leaving: dict[asyncio.Task[None], None] = {}
        """The waits of those that are watched no more, oldest first."""
        self._news = asyncio.Event()

    def watch(
        self,
        container_id: str,
        *,
        pid: int | None,
        process: HeldProcess | None,
        exited: asyncio.Future[ExitStatus] | None = None,
    ) -> None:
        """Watch a container whose task has been created; best before Tasks.Start.

        ``pid`` is that of its first process as containerd gave it (None: not known). ``process``
        holds it and stays the caller's; None where it cannot be seen from here. ``exited`` is a
        Tasks.Wait that is under way already; without one the watcher makes its own, and makes it
        again if it breaks.

        Raises:
            UsageError: a container of this id is being watched.
        """
        before = self._watched.get(container_id)
        if before is not None:
            if before.open:
                raise UsageError(f"container {container_id} is being watched already")
            if self._on_told is None:
                self._past.append(before)
        watched = _Watched(container_id, pid, process)
        self._watched[container_id] = watched
        if process is not None:
            loop = asyncio.get_running_loop()
            loop.add_reader(process.pidfd, self._ended, watched, process.pidfd)
        if exited is None:
            watched.waiter = asyncio.create_task(self._wait(watched))
        else:
            exited.add_done_callback(lambda future: self._answered(watched, future))

    def unwatch(self, container_id: str) -> None:
        """Release the container. Its death stays on record, with an event that comes late."""
        watched = self._watched.get(container_id)
        if watched is None or not watched.open:
            return
        watched.open = False
        if watched.process is not None:
            asyncio.get_running_loop().remove_reader(watched.process.pidfd)
            if Way.PIDFD not in watched.seen and watched.process.ended():
                # It ended within this very turn of the loop.
                self._saw(watched, Way.PIDFD)
            watched.process = None
        if watched.waiter is not None:
            self._let_end(watched.waiter)
            watched.waiter = None
        if self._on_told is not None:
            self._forget_after(watched)

    def _let_end(self, waiter: asyncio.Task[None]) -> None:
        """Let a Tasks.Wait come to its end: its task is gone, or will be.

        A call that is cancelled leaves some of its memory behind for good, wherever that lies in
        the heap (https://github.com/grpc/grpc/issues/43360). After a million that is not little.
        """
        self._leaving[waiter] = None
        waiter.add_done_callback(lambda done: self._leaving.pop(done, None))
        if len(self._leaving) > MOST_LEAVING:
            oldest = next(iter(self._leaving))
            del self._leaving[oldest]
            oldest.cancel()

    def _forget_after(self, watched: _Watched) -> None:
        """Let go of one that has been closed for long: no event of it will come any more."""
        self._closed.append(watched)
        if len(self._closed) > MOST_CLOSED:
            old = self._closed.popleft()
            if self._watched.get(old.container_id) is old:
                del self._watched[old.container_id]

    def close(self) -> None:
        """Release every container that is still watched."""
        for container_id in list(self._watched):
            self.unwatch(container_id)
        for waiter in list(self._leaving):
            waiter.cancel()

    def deaths(self, run_id: str) -> list[Death]:
        """Every death so far, in the order in which they were first seen.

        Where ``on_told`` gets them, those of the last :data:`MOST_CLOSED` containers.
        """
        dead = sorted(self._dead, key=lambda watched: next(iter(watched.seen.values())))
        return [watched.death(run_id) for watched in dead]

    @property
    def _dead(self) -> list[_Watched]:
        return [w for w in (*self._past, *self._watched.values()) if w.seen]

    async def wait_events(self) -> None:
        """Return when an event has told every death that is known by then."""
        while any(Way.EVENT not in watched.seen for watched in self._dead):
            news = self._news
            await news.wait()

    async def wait_told(self, container_ids: Iterable[str], ways: Iterable[Way]) -> None:
        """Return when each of the ways has told the death of each of the containers."""
        wanted = set(ways)
        for container_id in container_ids:
            watched = self._watched[container_id]
            while not wanted <= watched.seen.keys():
                news = self._news
                await news.wait()

    def take_event(self, event: DaemonEvent) -> None:
        """An event of the daemon, for the event log to call with each."""
        if event.topic != _EXIT_TOPIC or event.container_id is None:
            return
        watched = self._watched.get(event.container_id)
        # Another PID: an extra process of the container, or an earlier task under the same id.
        if watched is None or watched.pid not in (None, event.pid):
            return
        status = event.exit_status
        known = ExitStatus(status, event.exited_at) if status is not None else None
        self._saw(watched, Way.EVENT, known)

    def take_poll(self, container_id: str) -> None:
        """The memory poller found the container gone."""
        self._saw(self._watched[container_id], Way.POLL)

    async def reconcile(self) -> None:
        """Ask containerd which tasks have ended, after events may have been missed.

        Raises:
            ContainerdError: it did not answer; ask again.
        """
        tasks = {task.container_id: task for task in await self._client.tasks.list()}
        for watched in list(self._watched.values()):
            if watched.open and not watched.seen:
                await self._reconcile_one(watched, tasks.get(watched.container_id))

    async def _reconcile_one(self, watched: _Watched, task: TaskInfo | None) -> None:
        if task is None:
            # The list leaves out a task whose shim is slow to answer; only Get knows.
            try:
                task = await self._client.tasks.get(watched.container_id)
            except NotFound:
                self._missing(watched, Way.LIST)
                return
        if task.state is TaskState.STOPPED:
            self._saw(watched, Way.LIST, ExitStatus(task.exit_status, None))

    def _ended(self, watched: _Watched, pidfd: int) -> None:
        # It stays readable for good.
        asyncio.get_running_loop().remove_reader(pidfd)
        self._saw(watched, Way.PIDFD)

    def _answered(self, watched: _Watched, exited: asyncio.Future[ExitStatus]) -> None:
        if not exited.cancelled() and exited.exception() is None:
            self._saw(watched, Way.WAIT, exited.result())

    async def _wait(self, watched: _Watched) -> None:
        """Tell the end as Tasks.Wait does, unless nobody watches any more by then."""
        while watched.open:
            try:
                status = await self._client.tasks.wait_exit(watched.container_id)
            except NotFound:
                if watched.open:
                    self._missing(watched, Way.WAIT)
                return
            except (AnswerLost, Unreachable) as error:
                log.debug("%s", error)
                await asyncio.sleep(_REPEAT_SECONDS)
            except ContainerdError as error:
                if watched.open:
                    log.warning("no word on its end from Tasks.Wait: %s", error)
                return
            else:
                if watched.open:
                    self._saw(watched, Way.WAIT, status)
                return

    def _missing(self, watched: _Watched, way: Way) -> None:
        """Containerd does not know the task: it was deleted meanwhile, or lost."""
        if watched.lives:
            log.warning(
                "containerd has no task %s, but its process %s lives",
                watched.container_id,
                watched.pid,
            )
        else:
            self._saw(watched, way)

    def _saw(self, watched: _Watched, way: Way, status: ExitStatus | None = None) -> None:
        """One way tells a death. What it told before, or tells of a status, changes no time."""
        first = not watched.seen
        watched.seen.setdefault(way, time.time())
        if status is not None and (watched.status is None or watched.status.exited_at is None):
            watched.status = status
        news, self._news = self._news, asyncio.Event()
        news.set()
        if self._on_told is not None:
            self._on_told(watched.death(self._run_id))
        if first and self._on_death is not None:
            self._on_death(watched.container_id)


_REPEAT_SECONDS = 0.1
"""Between two attempts of a Tasks.Wait that broke with its daemon."""


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
