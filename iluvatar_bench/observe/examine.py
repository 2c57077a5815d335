"""Looks at the end of somebody else's container: read-only, and only where there is a question."""

from __future__ import annotations

import asyncio
import signal
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from iluvatar_bench.bugs import Evidence
from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.values import ExitStatus, Mount
from iluvatar_bench.host.kernel.layered_tree import LayeredTree
from iluvatar_bench.monitor import FailingContainer, ImageLayers, Witness, collect
from iluvatar_bench.observe.ending import (
    REMOVED_SOON_SECONDS,
    SIGNALLED,
    TOGETHER_SECONDS,
    Asked,
    TaskEnd,
    asked_by_witness,
    by_signal,
)
from iluvatar_bench.observe.known_shims import with_known_shims
from iluvatar_bench.observe.life import ObservedLife, ObservedTask, Under
from iluvatar_bench.observe.neighbours import LateEnds

_NO_OUTPUT = Path("/dev/null")
"""In the place of output that may not be read: reading a FIFO would take it from its client."""


class MountedLayers(ImageLayers):
    """The directories of images that a mount request names; nothing is asked for that would make
    a snapshot."""

    async def tree(
        self, client: Client, *, snapshotter: str, chain_id: str, mounts: Sequence[Mount]
    ) -> LayeredTree | None:
        """The image's files; None where the mounts do not name its directories, or one is gone."""
        if not any(mount.lower_directories for mount in mounts):
            return None
        return await super().tree(client, snapshotter=snapshotter, chain_id=chain_id, mounts=mounts)


@dataclass(slots=True, kw_only=True)
class Examiner:
    """Finds out how containers ended.

    ``removal_seen`` says whether the removal of a life's snapshot by some client was seen (None:
    nobody can say).
    """

    under: Under
    address: Path
    witness: Witness
    ends: LateEnds
    removal_seen: Callable[[ObservedLife], bool | None]
    layers: MountedLayers = field(default_factory=MountedLayers)
    at_a_time: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(4))

    async def of_task(self, life: ObservedLife, task: ObservedTask) -> TaskEnd:
        """How a task ended whose exit is known."""
        exit_ = task.exit
        if exit_ is None:
            return TaskEnd(exit_status=None)
        end = TaskEnd(
            exit_status=exit_.status,
            started=task.started_at is not None,
            lived_seconds=_lived(life, task),
        )
        if exit_.status == 0:
            return end
        signals = await self._signals(life, task)
        asked = asked_by_witness(signals)
        if asked is Asked.YES:
            return replace(end, asked=asked)
        if asked is None and by_signal(exit_.status) is not None:
            return await self._without_witness(life, task, end)
        answer = asked or Asked.NO
        return await self._looked_at(life, task, replace(end, asked=answer))

    async def killed(self, life: ObservedLife, task: ObservedTask) -> ExitStatus | None:
        """The exit status that the kernel's record gives away where containerd's word was missed.

        No process outlives a SIGKILL that was delivered to it.
        """
        signals = await self._signals(life, task)
        for fact in signals.signals or ():
            if fact.signal == signal.SIGKILL and fact.delivered and fact.pid == task.pid:
                return ExitStatus(SIGNALLED + signal.SIGKILL, datetime.fromtimestamp(fact.at, UTC))
        return None

    def unseen(self, note: str) -> TaskEnd:
        """The end of a task that nobody saw."""
        return TaskEnd(exit_status=None, note=note)

    def nothing(self, life: ObservedLife) -> Evidence:
        """What there is to say where nothing has to be looked at."""
        return Evidence(container_id=life.container_id)

    async def of_no_task(self, life: ObservedLife) -> Evidence:
        """What is found of a container that is removed and never had a task."""
        async with self.at_a_time:
            failing = self._failing(life, None, step="task_create", error="")
            return self._adjusted(
                life, await collect(self.under(life.namespace), self.address, failing)
            )

    async def _signals(self, life: ObservedLife, task: ObservedTask) -> Evidence:
        """The least that the rules about senders look at."""
        base = Evidence(
            container_id=life.container_id,
            pid=task.pid,
            exit_status=task.exit.status if task.exit else None,
            exited_at=task.exited_at,
            shim_pid=task.shim_pid,
        )
        said = await self.witness.testimony(
            life.container_id, pid=task.pid, shim_pid=task.shim_pid, since=task.created_at
        )
        if said is None:
            return base
        return replace(
            base,
            signals=with_known_shims(said.signals, life, self.ends.lives.values()),
            signals_lost=said.lost,
            oom_victims=said.victims,
        )

    async def _without_witness(
        self, life: ObservedLife, task: ObservedTask, end: TaskEnd
    ) -> TaskEnd:
        """A signal that nobody saw being sent: what the circumstances say."""
        if _memory_ran_out(task):
            return await self._looked_at(life, task, end)
        await asyncio.sleep(TOGETHER_SECONDS)
        together = self.ends.beside(life)
        if together:
            note = (
                f"it ended by a signal in the same moment as {', '.join(together)} in its cgroup: "
                "which of them was meant is not known"
            )
            asked = replace(end, asked=Asked.NOT_KNOWN, died_with=together, note=note)
            return await self._looked_at(life, task, asked)
        try:
            async with asyncio.timeout(REMOVED_SOON_SECONDS):
                await task.gone.wait()
        except TimeoutError:
            note = f"its task was not deleted within {REMOVED_SOON_SECONDS:g} s of its end"
            return await self._looked_at(life, task, replace(end, note=note))
        return replace(end, asked=Asked.PRESUMABLY)

    async def _looked_at(self, life: ObservedLife, task: ObservedTask, end: TaskEnd) -> TaskEnd:
        """The end with everything that can be found about it."""
        async with self.at_a_time:
            readable = _readable(task)
            step = "start" if task.started_at is None else "ready"
            error = f"its first process {_ended(end.exit_status)}, and nobody had asked for that"
            failing = self._failing(life, task, step=step, error=error)
            found = await collect(
                self.under(life.namespace), self.address, failing, layers=self.layers
            )
            evidence = self._adjusted(life, found)
        if end.note:
            evidence = replace(evidence, notes=(*evidence.notes, end.note))
        return replace(end, evidence=evidence, output_seen=readable)

    def _failing(
        self, life: ObservedLife, task: ObservedTask | None, *, step: str, error: str
    ) -> FailingContainer:
        snapshot, record = life.snapshot, life.record
        mounts = (task.mounts if task is not None else ()) or (snapshot.mounts if snapshot else ())
        stdout, stderr = _outputs(task)
        began = life.began_at if task is None else task.started_at or task.created_at
        path = record.python_path if record is not None else ""
        return FailingContainer(
            container_id=life.container_id,
            step=step,
            step_started_at=began,
            step_ended_at=life.removed_at or time.time(),
            snapshotter=snapshot.snapshotter if snapshot is not None else "",
            snapshot_key=snapshot.key if snapshot is not None else "",
            snapshot_prepared=snapshot is not None,
            snapshot_removed_by_us=self.removal_seen(life) is True,
            chain_id=snapshot.parent if snapshot is not None else "",
            task_created=task is not None,
            mounts=mounts,
            cgroup=life.cgroup,
            oom_kills_before=task.oom_kills_before if task is not None else None,
            exit_status=task.exit if task is not None else None,
            error=error,
            own_kills=(),
            neighbour_kills=(),
            stdout=stdout,
            stderr=stderr,
            pid=task.pid if task is not None else None,
            shim_pid=task.shim_pid if task is not None else None,
            daemon_before=life.daemon,
            events=tuple(life.events),
            events_broken=life.gaps[-1] if life.gaps else None,
            cgroup_shared=bool(self.ends.sharing(life)) if life.cgroup else None,
            began_at=life.began_at if task is None else task.created_at,
            witness=self.witness,
            cwd=record.cwd if record is not None else "/",
            env={"PYTHONPATH": path} if path else {},
        )

    def _adjusted(self, life: ObservedLife, evidence: Evidence) -> Evidence:
        """The evidence as that of somebody else's container.

        Nobody knows of this program's own Kills, because it sends none; whether its snapshot was
        removed by a client is known from the events alone.
        """
        known = life.snapshot is not None
        if evidence.signals is not None:
            signals = with_known_shims(evidence.signals, life, self.ends.lives.values())
            evidence = replace(evidence, signals=signals)
        return replace(
            evidence,
            snapshot_removed_by_us=self.removal_seen(life) if known else None,
            client_pid=None,
        )


def _lived(life: ObservedLife, task: ObservedTask) -> float | None:
    """How long its process ran; None where its start, or its end, was not seen."""
    if task.started_at is None or task.exited_at is None or not life.whole:
        return None
    return task.exited_at - task.started_at


def _ended(status: int | None) -> str:
    if status is None:
        return "ended"
    if status > SIGNALLED:
        return f"was ended by signal {status - SIGNALLED}"
    return f"ended by itself with status {status}"


def _memory_ran_out(task: ObservedTask) -> bool:
    counted = task.usage.oom_kills if task.usage is not None else None
    rose = counted is not None and counted > (task.oom_kills_before or 0)
    return task.oom_event or rose


def _outputs(task: ObservedTask | None) -> tuple[Path, Path]:
    if task is None:
        return _NO_OUTPUT, _NO_OUTPUT
    found = [_regular(uri) or _NO_OUTPUT for uri in (task.stdout, task.stderr)]
    return found[0], found[1]


def _readable(task: ObservedTask) -> bool:
    return any(_regular(uri) is not None for uri in (task.stdout, task.stderr))


def _regular(uri: str) -> Path | None:
    """The file that a task's output goes to, where that is a regular file of its own.

    Containerd takes a path or ``file://``; other schemes name programs that take the output
    (containerd, cio/io_unix.go).
    """
    path = uri.removeprefix("file://")
    if not path.startswith("/"):
        return None
    try:
        mode = Path(path).stat(follow_symlinks=False).st_mode
    except OSError:
        return None
    return Path(path) if stat.S_ISREG(mode) else None
