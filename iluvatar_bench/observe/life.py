"""One container of somebody else's, from its first event to its removal: what is known of it."""

from __future__ import annotations

import asyncio
import posixpath
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from iluvatar_bench.audit.clients import client_of
from iluvatar_bench.audit.read.spec_view import cgroup_of, section, text
from iluvatar_bench.bugs import DaemonFact, EventFact
from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.values import ContainerRecord, ExitStatus, Mount
from iluvatar_bench.host.kernel.cgroup_usage import CgroupPlaces, CgroupUsage
from iluvatar_bench.observe.settings import MOST_EVENTS_EACH

Under = Callable[[str], Client]
"""Gives the client of a namespace, the same one each time: making its stubs takes a millisecond."""

MOST_TEXT = 300
"""Characters that are kept of a name that anybody may have chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFacts:
    """What is kept of a container's record: nothing of its environment but Python's search path.

    That one is needed to look for a module that is missing; it is never stored.
    """

    client: str
    image: str
    created_at: float | None
    snapshotter: str = ""
    snapshot_key: str = ""
    cgroup: str = ""
    """The spec's; the process's own is read as soon as there is one."""
    cwd: str = "/"
    python_path: str = ""
    args: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


def observed_record(record: ContainerRecord, *, with_args: bool) -> RecordFacts:
    """The part of a record that is kept."""
    process = section(record.spec, "process")
    args, env = process.get("args"), process.get("env")
    cwd = text(record.spec, "process", "cwd")
    path = [e for e in env if isinstance(e, str)] if isinstance(env, list) else []
    return RecordFacts(
        client=client_of(record)[:MOST_TEXT],
        image=record.image[:MOST_TEXT],
        created_at=record.created_at.timestamp() if record.created_at else None,
        snapshotter=record.snapshotter,
        snapshot_key=record.snapshot_key,
        cgroup=cgroup_of(record) or "",
        cwd=posixpath.normpath(cwd) if cwd.startswith("/") else "/",
        python_path=next((e for e in path if e.startswith("PYTHONPATH=")), "").partition("=")[2],
        args=tuple(str(a)[:MOST_TEXT] for a in args[:32])
        if with_args and isinstance(args, list)
        else (),
        labels=dict(record.labels),
    )


@dataclass(frozen=True, slots=True)
class KnownSnapshot:
    """A snapshot that was prepared: what its mount request would name (None: not looked up)."""

    snapshotter: str
    key: str
    parent: str
    mounts: tuple[Mount, ...] = ()

    @property
    def upper_directory(self) -> str | None:
        """Where writes to it go."""
        return next((m.upper_directory for m in self.mounts if m.upper_directory), None)


@dataclass(slots=True)
class ObservedTask:
    """One task of a container. Times are seconds since the epoch.

    ``ended`` is set once its exit status is known, ``gone`` once it was deleted, or its container
    removed.
    """

    pid: int | None
    created_at: float
    mounts: tuple[Mount, ...] = ()
    stdout: str = ""
    stderr: str = ""
    bundle: str = ""
    started_at: float | None = None
    exit: ExitStatus | None = None
    died_at: float | None = None
    """When the first way told its end."""
    deleted_at: float | None = None
    oom_event: bool = False
    shim_pid: int | None = None
    cgroup: CgroupPlaces | None = None
    oom_kills_before: int | None = None
    usage: CgroupUsage | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def exited_at(self) -> float | None:
        """When it ended: containerd's time, or that of the first way."""
        if self.exit is not None and self.exit.exited_at is not None:
            return self.exit.exited_at.timestamp()
        return self.died_at


@dataclass(slots=True)
class ObservedLife:
    """A container while it is followed. Times are seconds since the epoch.

    ``began_at`` is its first event, ``created_at`` the making of its record.
    ``whole`` is False where its beginning was not seen; ``gaps`` says why events of it may be
    missing. ``snapshot`` is the one that it writes to, where that is known.
    """

    namespace: str
    container_id: str
    began_at: float
    created_at: float
    whole: bool = True
    record: RecordFacts | None = None
    snapshot: KnownSnapshot | None = None
    snapshot_lost_at: float | None = None
    """When its snapshot was found to be gone, though nobody was seen to remove it."""
    task: ObservedTask | None = None
    tasks_seen: int = 0
    task_asked_at: float | None = None
    """When containerd made a bundle for it: somebody asked for a task."""
    daemon: DaemonFact | None = None
    gaps: list[str] = field(default_factory=list)
    removed_at: float | None = None
    events: deque[EventFact] = field(default_factory=lambda: deque(maxlen=MOST_EVENTS_EACH))

    @property
    def name(self) -> str:
        """What tables call it: the same id may be in several namespaces."""
        return f"{self.namespace}/{self.container_id}"

    @property
    def client(self) -> str:
        """Whose it is."""
        if self.record is not None:
            return self.record.client
        nameless = ContainerRecord(id=self.container_id, image="", runtime="", spec={})
        return client_of(nameless)[:MOST_TEXT]

    @property
    def cgroup(self) -> str:
        """Its cgroup's path; empty where that is not known."""
        if self.task is not None and self.task.cgroup is not None:
            return self.task.cgroup.path
        return self.record.cgroup if self.record is not None else ""

    def key(self) -> dict[str, Any]:
        """What tells it from every other, also after a restart of whoever follows it."""
        return {"container": self.name, "created_at": self.created_at}
