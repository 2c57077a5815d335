"""Follows containers of other clients from their first event to their removal."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from iluvatar_bench.bugs import DaemonFact, EventFact
from iluvatar_bench.containerd.services.events import DaemonEvent
from iluvatar_bench.containerd.values import ContainerRecord, ExitStatus
from iluvatar_bench.errors import DiskFull, NotFound
from iluvatar_bench.monitor.event_log import event_record
from iluvatar_bench.observe.bundles import Bundles
from iluvatar_bench.observe.examine import Examiner
from iluvatar_bench.observe.folder import ObservedFolder
from iluvatar_bench.observe.life import ObservedLife, ObservedTask, Under, observed_record
from iluvatar_bench.observe.observed_trial import (
    ObservedVerdict,
    observed_trial,
    of_no_task,
    of_task,
    worst,
)
from iluvatar_bench.observe.settings import MOST_LIVES, ObserveSettings
from iluvatar_bench.observe.snapshots import SnapshotLog
from iluvatar_bench.observe.task_watch import TaskWatch
from iluvatar_bench.records import Death, Trial

log = logging.getLogger(__name__)

EXIT_SECONDS = 3.0
"""How long after the removal of a container the end of its task may still be on its way: a shim
hands its events on by itself."""

LOOK_SECONDS = 20.0
"""How long looking at one end may take before the trial is written without."""

_SAME_SECONDS = 2.0
"""A record and the event about its making are stamped one after the other."""

_PREPARED_SECONDS = 60.0
"""A snapshot of a container's name that was prepared so long before its record is another's."""

_LATE_SECONDS = 0.2

Name = tuple[str, str]
"""A namespace, and a container's id in it."""


@dataclass(slots=True)
class Counts:
    """What came of everything that was followed in this session."""

    followed: int = 0
    ended: int = 0
    not_looked_up: int = 0
    """Containers that were gone before their record could be read: with a choice by label they have
    no trial."""
    beyond_limit: int = 0
    """Containers that were not followed because so many were already."""


@dataclass(slots=True, kw_only=True)
class Follower:
    """The containers that are followed: ``lives``, and those whose end is being looked at.

    ``on_trial`` gets each trial once it is in the folder.
    """

    settings: ObserveSettings
    under: Under
    folder: ObservedFolder
    snapshots: SnapshotLog
    bundles: Bundles
    watch: TaskWatch
    examiner: Examiner
    lives: dict[Name, ObservedLife]
    next_trial: int
    on_trial: Callable[[Trial], None]
    counts: Counts = field(default_factory=Counts)
    daemon: DaemonFact | None = None
    closing: dict[Name, ObservedLife] = field(default_factory=dict)
    fatal: BaseException | None = None
    """Why nothing more can be kept, once that is so; ``broken`` is set then."""
    broken: asyncio.Event = field(default_factory=asyncio.Event)
    _ends: dict[int, list[asyncio.Task[ObservedVerdict]]] = field(default_factory=dict)
    _jobs: set[asyncio.Task[None]] = field(default_factory=set)

    def take(self, event: DaemonEvent) -> None:
        """An event of the daemon."""
        at = event.timestamp.timestamp() if event.timestamp else time.time()
        if event.snapshot_key is not None:
            self._take_snapshot(event, event.snapshot_key, at)
            self._record(event, event.snapshot_key)
        if event.container_id is None:
            return
        name = (event.namespace, event.container_id)
        if event.topic == "/containers/create":
            self._created(name, at)
        life = self.lives.get(name) or self.closing.get(name)
        if life is None:
            return
        self._record(event, event.container_id)
        exited = event.exited_at.timestamp() if event.exited_at else at
        life.events.append(EventFact(event.topic, exited, event.pid, event.exit_status))
        if event.topic == "/containers/delete":
            self.removed(life, at)
        elif event.topic.startswith("/tasks/"):
            self._take_task(life, event, at)

    def open(
        self, name: Name, *, began_at: float, created_at: float, whole: bool
    ) -> ObservedLife | None:
        """Follow a container from here on; None where too many are followed already."""
        if len(self.lives) >= MOST_LIVES:
            self.counts.beyond_limit += 1
            return None
        life = ObservedLife(*name, began_at, created_at, whole, daemon=self.daemon)
        self.lives[name] = life
        self.counts.followed += 1
        self.folder.follow(life.key())
        self.folder.shorten_followed(one.key() for one in self.living())
        return life

    def removed(self, life: ObservedLife, at: float) -> None:
        """Its record is gone: look at how it ended, and write its trial."""
        name = (life.namespace, life.container_id)
        if life.removed_at is not None or self.lives.pop(name, None) is None:
            return
        life.removed_at = at
        if life.task is not None:
            life.task.gone.set()
        self.closing[name] = life
        self._spawn(self._close(name, life))

    def living(self) -> Iterator[ObservedLife]:
        """All that have no trial yet."""
        yield from self.closing.values()
        yield from self.lives.values()

    def begin_task(self, life: ObservedLife, task: ObservedTask) -> None:
        """A task of it is there: watch its process."""
        if life.task is not None:
            self.watch.release(life)
        life.task = task
        life.tasks_seen += 1
        self.watch.begin(life, task)
        life.snapshot = self.snapshots.of(life) or life.snapshot
        log.debug("the task of %s is watched", life.name)

    def died(self, container: str) -> None:
        """The first way has told that a task's process has ended."""
        namespace, _, own = container.partition("/")
        life = self.lives.get((namespace, own)) or self.closing.get((namespace, own))
        if life is not None:
            self.watch.note_death(life)

    def told(self, death: Death) -> None:
        """One way has told the end of a task's process."""
        namespace, _, own = death.container_id.partition("/")
        name = (namespace, own)
        life = self.lives.get(name) or self.closing.get(name)
        if life is None:
            # Told late, of one that has its trial.
            return
        self.watch.note_told(death)
        if life.task is None or death.exit_status is None:
            return
        if life.task.pid == death.pid:
            self.watch.note_death(life)
            self._exited(life, life.task, ExitStatus(death.exit_status, None))

    def forget(self, life: ObservedLife) -> None:
        """It is not to be followed after all."""
        self.lives.pop((life.namespace, life.container_id), None)
        # What has an id() must not outlive its life: another one may get the same.
        for look in self._ends.pop(id(life), ()):
            look.cancel()
        self.watch.release(life)
        self.folder.leave(life.key())
        self.counts.followed -= 1

    async def look_at_record(self, life: ObservedLife) -> None:
        """Read a new container's record, as far as it is kept."""
        try:
            record = await self.under(life.namespace).containers.get(life.container_id)
        except NotFound:
            self.counts.not_looked_up += 1
            return
        if not self.wanted(record):
            self.forget(life)
            return
        life.record = observed_record(record, with_args=self.settings.with_args)
        life.snapshot = self.snapshots.of(life) or life.snapshot

    def wanted(self, record: ContainerRecord) -> bool:
        """Whether its labels are those that were asked for."""
        return all(record.labels.get(k) == v for k, v in self.settings.labels.items())

    async def settle(self, *, seconds: float) -> None:
        """Let what is being looked at come to its end, for so long."""
        if self._jobs:
            await asyncio.wait(set(self._jobs), timeout=seconds)

    async def close(self) -> None:
        """End whatever is still under way."""
        jobs = [*self._jobs, *(task for tasks in self._ends.values() for task in tasks)]
        for job in jobs:
            job.cancel()
        if jobs:
            await asyncio.wait(jobs)

    def _record(self, event: DaemonEvent, own: str) -> None:
        """Keep an event as the tables have it: with names that no other namespace has."""
        record = event_record(event, self.folder.run_id)
        if event.container_id is None:
            self.folder.event(replace(record, snapshot_key=f"{event.namespace}/{own}"))
        else:
            self.folder.event(replace(record, container_id=f"{event.namespace}/{own}"))

    def _take_snapshot(self, event: DaemonEvent, key: str, at: float) -> None:
        if event.topic == "/snapshot/prepare":
            parent = event.snapshot_parent or ""
            self.snapshots.take_prepared(event.namespace, key, parent, at)
            self._spawn(self._look_at_snapshot(event.namespace, key))
        elif event.topic == "/snapshot/remove":
            self.snapshots.take_removed(event.namespace, key, at)

    async def _look_at_snapshot(self, namespace: str, key: str) -> None:
        if await self.snapshots.look(namespace, key) is None:
            return
        life = self.lives.get((namespace, key)) or self.closing.get((namespace, key))
        if life is not None:
            life.snapshot = self.snapshots.of(life) or life.snapshot
        log.debug("the snapshot %s/%s is known", namespace, key)

    def _created(self, name: Name, at: float) -> None:
        known = self.lives.get(name)
        if known is not None:
            if abs(known.created_at - at) <= _SAME_SECONDS:
                # It was listed before its event came.
                known.whole = True
                return
            known.gaps.append("its removal was not seen: another one has its name now")
            self.removed(known, at)
        prepared = self.snapshots.prepared_at(*name)
        fresh = prepared is not None and at - _PREPARED_SECONDS <= prepared <= at
        began_at = prepared if fresh and prepared is not None else at
        life = self.open(name, began_at=began_at, created_at=at, whole=True)
        if life is not None:
            self._spawn(self.look_at_record(life))

    def _take_task(self, life: ObservedLife, event: DaemonEvent, at: float) -> None:
        if event.topic == "/tasks/create":
            made = event.task
            known = life.task is not None and life.task.pid == event.pid
            if made is not None and not known:
                self.begin_task(
                    life,
                    ObservedTask(event.pid, at, made.mounts, made.stdout, made.stderr, made.bundle),
                )
            return
        if life.task is None and event.topic == "/tasks/start":
            # Its creation was not heard of.
            self.begin_task(life, ObservedTask(event.pid, at))
        task = life.task
        if task is None or (event.pid is not None and event.pid != task.pid):
            # An extra process of the container, or a task that was there before.
            return
        if event.topic == "/tasks/start":
            task.started_at = at
        elif event.topic == "/tasks/oom":
            task.oom_event = True
        elif event.topic in ("/tasks/exit", "/tasks/delete") and event.exit_status is not None:
            self.watch.take_event(life, event)
            self.watch.note_death(life)
            if event.topic == "/tasks/delete":
                task.deleted_at = at
                task.gone.set()
            self._exited(life, task, ExitStatus(event.exit_status, event.exited_at))

    def _exited(self, life: ObservedLife, task: ObservedTask, status: ExitStatus) -> None:
        if task.exit is not None:
            return
        task.exit = status
        task.ended.set()
        self.examiner.ends.add(life)
        looking = asyncio.create_task(self._look_at_end(life, task))
        self._ends.setdefault(id(life), []).append(looking)

    async def _look_at_end(self, life: ObservedLife, task: ObservedTask) -> ObservedVerdict:
        end = await self.examiner.of_task(life, task)
        log.debug("the end of %s has been looked at", life.name)
        return of_task(end)

    async def _close(self, name: Name, life: ObservedLife) -> None:
        try:
            said = await self._said(life)
            if self.settings.labels and life.record is None:
                # Gone before anybody could say whether it was wanted.
                self.folder.leave(life.key())
            else:
                self.write(life, said)
        finally:
            self._ends.pop(id(life), None)
            self.watch.release(life)
            if self.closing.get(name) is life:
                del self.closing[name]

    def write(self, life: ObservedLife, said: ObservedVerdict) -> None:
        """Keep the trial of a container that is gone.

        Raises:
            DiskFull: there is no room for it.
        """
        trial = observed_trial(
            life,
            said,
            run_id=self.folder.run_id,
            number=self.next_trial,
            witnessed=self.examiner.witness.sees,
        )
        self.next_trial += 1
        self.folder.trial(trial)
        self.folder.leave(life.key())
        self.counts.ended += 1
        self.on_trial(trial)

    async def _said(self, life: ObservedLife) -> ObservedVerdict:
        if life.task is None:
            # The events of a task come by another way than that of its record's removal.
            await asyncio.sleep(_LATE_SECONDS)
        if life.task is None:
            return await self._said_without_task(life)
        with suppress(TimeoutError):
            async with asyncio.timeout(EXIT_SECONDS):
                await life.task.ended.wait()
        if life.task.exit is None:
            status = await self.examiner.killed(life, life.task)
            if status is not None:
                self._exited(life, life.task, status)
        ends = self._ends.get(id(life), [])
        if ends:
            await asyncio.wait(ends, timeout=LOOK_SECONDS)
        said = [one.result() for one in ends if one.done() and one.exception() is None]
        if life.task.exit is None or len(said) < len(ends):
            note = "its end was not seen" if life.task.exit is None else "its end was not looked at"
            said.append(of_task(self.examiner.unseen(note)))
        return worst(said)

    async def _said_without_task(self, life: ObservedLife) -> ObservedVerdict:
        since = life.began_at - _SAME_SECONDS
        life.task_asked_at = self.bundles.made_at(life.namespace, life.container_id, since=since)
        asked = life.task_asked_at is not None
        looked = asked or (life.snapshot is not None and not self.bundles.watched)
        bundles_seen = self.bundles.watched and life.whole and not life.gaps
        if not looked and bundles_seen:
            return of_no_task(life, self.examiner.nothing(life), bundles_seen=True)
        evidence = await self.examiner.of_no_task(life)
        return of_no_task(life, evidence, bundles_seen=bundles_seen)

    def _spawn(self, job: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(job)
        self._jobs.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._jobs.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failed(error)

    def failed(self, error: BaseException) -> None:
        """Something could not be looked at in the background, or could not be kept."""
        log.warning("%s", error, exc_info=error)
        if isinstance(error, (DiskFull, OSError)) and self.fatal is None:
            self.fatal = error
            self.broken.set()


def count_row(counts: Counts) -> Mapping[str, int]:
    """The counts as JSON-ready values."""
    return {
        "followed": counts.followed,
        "ended": counts.ended,
        "not_looked_up": counts.not_looked_up,
        "beyond_limit": counts.beyond_limit,
    }
