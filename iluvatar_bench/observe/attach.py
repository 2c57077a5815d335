"""What is there already: read at the beginning, and again whenever events may have been missed."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.values import ContainerRecord, TaskInfo, TaskState
from iluvatar_bench.observe.follower import Follower, Name
from iluvatar_bench.observe.life import ObservedLife, ObservedTask, observed_record
from iluvatar_bench.observe.observed_trial import ObservedVerdict
from iluvatar_bench.records import Outcome

log = logging.getLogger(__name__)

AWAY = "this program was not running for a time"

_SAME_SECONDS = 2.0
"""An event's time and that of the record that it is about."""


@dataclass(slots=True)
class Reconciler:
    """Brings what is followed in line with what containerd lists.

    ``before`` are those that an earlier session followed to no end (:meth:`ObservedFolder.left_open
    `).
    """

    follower: Follower
    client: Client
    before: list[Mapping[str, Any]] = field(default_factory=list)

    async def reconcile(self, why: str = "") -> None:
        """List everything; with ``why`` events may have been missed, for that reason.

        Raises:
            ContainerdError: containerd did not answer; ask again.
        """
        follower = self.follower
        if why:
            for life in follower.living():
                life.gaps.append(why)
        listed = time.time()
        known = {namespace for namespace, _ in follower.lives}
        chosen = follower.settings.namespaces or await self.client.namespaces.list()
        there: set[Name] = set()
        for namespace in dict.fromkeys((*chosen, *known)):
            client = follower.under(namespace)
            records = await client.containers.list()
            there |= {(namespace, record.id) for record in records}
            # Followed before the tasks are listed: a task that is not listed has an event to come.
            met = [
                (record, found)
                for record in records
                if (found := self._meet(namespace, record, missed=bool(why))) is not None
            ]
            tasks = {task.container_id: task for task in await client.tasks.list()}
            for record, there_is in met:
                await self._look(record, there_is, tasks.get(record.id))
        for name, one in list(follower.lives.items()):
            if name not in there and one.created_at < listed:
                one.gaps.append(why or "it was gone before it could be listed")
                follower.removed(one, time.time())
        await follower.watch.exits.reconcile()

    def bury(self) -> None:
        """Those of an earlier session that are not there any more ended while nobody looked."""
        for key in self.before:
            namespace, _, own = str(key["container"]).partition("/")
            created_at = float(key["created_at"])
            life = ObservedLife(namespace, own, created_at, created_at, whole=True)
            life.gaps.append(AWAY)
            self.follower.write(
                life, ObservedVerdict(outcome=Outcome.UNKNOWN, why="it ended while nobody looked")
            )
        self.before = []

    def _meet(
        self, namespace: str, record: ContainerRecord, *, missed: bool
    ) -> ObservedLife | None:
        """The life of a container that is there; None for one that is not to be followed."""
        follower = self.follower
        life = follower.lives.get((namespace, record.id))
        if life is None and follower.wanted(record):
            life = self._opened(namespace, record, missed=missed)
        if life is not None and life.record is None:
            life.record = observed_record(record, with_args=follower.settings.with_args)
        return life

    async def _look(
        self, record: ContainerRecord, life: ObservedLife, task: TaskInfo | None
    ) -> None:
        if task is not None and life.removed_at is None:
            self._meet_task(life, task)
        if life.snapshot is None:
            snapshots, key = self.follower.snapshots, record.snapshot_key or record.id
            await snapshots.look(life.namespace, key, snapshotter=record.snapshotter)
            life.snapshot = snapshots.of(life)

    def _meet_task(self, life: ObservedLife, task: TaskInfo) -> None:
        if life.task is not None and life.task.pid == task.pid:
            return
        now = time.time()
        started = now if task.state is not TaskState.CREATED else None
        # 0 is the number of one that has ended.
        pid = task.pid or None
        self.follower.begin_task(life, ObservedTask(pid, now, started_at=started))

    def _opened(
        self, namespace: str, record: ContainerRecord, *, missed: bool
    ) -> ObservedLife | None:
        created_at = record.created_at.timestamp() if record.created_at else time.time()
        name = (namespace, record.id)
        earlier = self._earlier(name, created_at)
        if earlier is not None:
            created_at = float(earlier["created_at"])
        life = self.follower.open(name, began_at=created_at, created_at=created_at, whole=False)
        if life is not None and (earlier is not None or missed):
            life.gaps.append(AWAY if earlier is not None else "its making was not seen")
        return life

    def _earlier(self, name: Name, created_at: float) -> Mapping[str, Any] | None:
        """The same container, as an earlier session had it."""
        for key in self.before:
            same = key["container"] == "/".join(name)
            if same and abs(float(key["created_at"]) - created_at) <= _SAME_SECONDS:
                self.before.remove(key)
                return key
        return None


def usable_snapshotters(plugins: Sequence[Any]) -> tuple[str, ...]:
    """The snapshotters that a daemon has, from its plugins."""
    return tuple(
        p.id for p in plugins if p.type == "io.containerd.snapshotter.v1" and not p.init_error
    )
