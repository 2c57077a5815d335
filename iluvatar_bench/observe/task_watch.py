"""The processes of other clients' tasks: held by pidfds, their memory and cgroups read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from iluvatar_bench.containerd.services.events import DaemonEvent
from iluvatar_bench.host.kernel.cgroup_usage import (
    cgroup_mounts,
    cgroup_places,
    read_usage,
)
from iluvatar_bench.host.kernel.processes import command_line, parent_of
from iluvatar_bench.monitor import ExitWatcher, MemoryPoller, Monitor
from iluvatar_bench.observe.folder import ObservedFolder
from iluvatar_bench.observe.life import ObservedLife, ObservedTask
from iluvatar_bench.records import Death


class TaskWatch:
    """Watches the first process of each task that is followed, by ``namespace/container``."""

    def __init__(
        self, monitor: Monitor, folder: ObservedFolder, lives: Callable[[], Iterable[ObservedLife]]
    ) -> None:
        self._monitor = monitor
        self._folder = folder
        self._lives = lives
        self._mounts: Mapping[str, Path] = cgroup_mounts()
        self._deaths: dict[str, Death] = {}

    @property
    def exits(self) -> ExitWatcher:
        """Who sees the deaths."""
        return self._monitor.exits

    @property
    def memory(self) -> MemoryPoller:
        """Who reads the memory."""
        return self._monitor.memory

    def begin(self, life: ObservedLife, task: ObservedTask) -> None:
        """Watch a task from here on."""
        pid = task.pid
        if pid is None:
            return
        task.cgroup = cgroup_places(pid, self._mounts)
        if task.cgroup is not None:
            usage = read_usage(task.cgroup)
            task.oom_kills_before = usage.oom_kills if usage is not None else None
        parent = parent_of(pid)
        if parent is not None and _is_shim(parent):
            task.shim_pid = parent
        self._monitor.watch(life.name, pid)

    def release(self, life: ObservedLife) -> None:
        """Watch it no more, and keep what is known of its death."""
        self._monitor.unwatch(life.name)
        death = self._deaths.pop(life.name, None)
        if death is not None:
            self._folder.death(death)

    def close(self) -> None:
        """Let go of every process."""
        self._monitor.close()

    def note_told(self, death: Death) -> None:
        """What one way tells of a death."""
        self._deaths[death.container_id] = death

    def note_death(self, life: ObservedLife) -> None:
        """Its process is known to have ended: read its counters while its cgroup is there."""
        task = life.task
        if task is None or task.died_at is not None:
            return
        task.died_at = time.time()
        self._count(task)
        self._monitor.expect_end(life.name)

    def take_event(self, life: ObservedLife, event: DaemonEvent) -> None:
        """An event about its end, for the record of its death."""
        self.exits.take_event(replace(event, container_id=life.name))

    def read_counters(self) -> None:
        """A row for the cgroup of each task that runs."""
        at = datetime.now(UTC).isoformat()
        for life in self._lives():
            task = life.task
            if task is None or task.died_at is not None:
                continue
            self._count(task)
            if task.usage is not None:
                row = {"run_id": self._folder.run_id, "sampled_at": at, "container_id": life.name}
                self._folder.counters({**row, **task.usage.as_dict()})

    def _count(self, task: ObservedTask) -> None:
        if task.cgroup is not None:
            task.usage = read_usage(task.cgroup) or task.usage


def _is_shim(pid: int) -> bool:
    arguments = command_line(pid)
    return bool(arguments) and Path(arguments[0]).name.startswith("containerd-shim")
