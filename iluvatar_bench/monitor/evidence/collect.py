"""Collects the facts of one failure from containerd and the host, before the task is deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from iluvatar_bench.bugs import EventFact, Evidence, SnapshotFact
from iluvatar_bench.bugs.rules.missing_file import missing_names, traceback_folders
from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.services.events import DaemonEvent
from iluvatar_bench.containerd.values import SnapshotInfo
from iluvatar_bench.errors import NotFound
from iluvatar_bench.monitor.evidence import host as host_facts
from iluvatar_bench.monitor.evidence.failing_container import Subject
from iluvatar_bench.monitor.evidence.host import Facts
from iluvatar_bench.monitor.evidence.rootfs import ImageLayers, look_up, search_folders

SETTLE_SECONDS = 0.1
"""How long the output of a process that has just ended may be on its way through the shim."""

MOST_EVENTS = 20
MOST_PARENTS = 64


async def collect(
    client: Client, address: Path, subject: Subject, *, layers: ImageLayers | None = None
) -> Evidence:
    """Every fact that can be had; what cannot be had is None, with a note saying why.

    ``layers`` remembers the directories of images between failures. Raises nothing but
    cancellation: a failure is examined best with whatever is left.
    """
    notes: list[str] = []
    facts = _known(subject, notes)
    for what, gather in _host_parts(client.namespace, address, subject):
        try:
            facts |= await asyncio.to_thread(gather)
        except Exception as error:
            notes.append(f"{what}: {error or type(error).__name__}")
    asked = (("snapshot", _snapshot_facts), ("parents", _parent_facts))
    if not subject.daemon_answers:
        notes.append("containerd was not asked: it does not answer")
        return replace(Evidence(**facts), notes=tuple(notes))
    for what, ask in asked:
        try:
            facts |= await ask(client, subject)
        except Exception as error:
            notes.append(f"{what}: {error or type(error).__name__}")
    evidence = Evidence(**facts)
    try:
        evidence = await _with_missing_files(client, subject, evidence, layers or ImageLayers())
    except Exception as error:
        notes.append(f"looking for missing files: {error or type(error).__name__}")
    return replace(evidence, notes=tuple(notes))


def _known(subject: Subject, notes: list[str]) -> Facts:
    """What needs no question."""
    facts: Facts = {
        "container_id": subject.container_id,
        "error": subject.error,
        "step": subject.step,
        "step_started_at": subject.step_started_at,
        "step_ended_at": subject.step_ended_at,
        "snapshot_key": subject.snapshot_key,
        "snapshot_removed_by_us": subject.snapshot_removed_by_us,
        "cgroup": subject.cgroup,
        "own_kills": subject.own_kills,
        "neighbour_kills": subject.neighbour_kills,
        "daemon_before": subject.daemon_before,
        "events": subject.events,
    }
    if subject.events_broken is not None:
        notes.append(f"events: the stream broke: {subject.events_broken}")
    return facts | _exit_facts(subject)


def _exit_facts(subject: Subject) -> Facts:
    """How the process ended: as the wait said, or else as an event did.

    A wait has no answer when the shim goes away; containerd publishes the exit all the same.
    """
    status = subject.exit_status
    if status is not None:
        at = status.exited_at.timestamp() if status.exited_at else None
        return {"exit_status": status.status, "exited_at": at}
    for event in reversed(subject.events or ()):
        if event.topic == "/tasks/exit" and event.pid in (subject.pid, None):
            return {"exit_status": event.exit_status, "exited_at": event.at}
    return {}


def _host_parts(
    namespace: str, address: Path, subject: Subject
) -> tuple[tuple[str, Callable[[], Facts]], ...]:
    return (
        ("root file system", partial(host_facts.root_facts, namespace, subject)),
        ("process and shim", partial(host_facts.process_facts, address, subject)),
        (f"cgroup {subject.cgroup}", partial(host_facts.cgroup_facts, subject)),
        (f"socket {address}", partial(host_facts.daemon_facts, address)),
        ("output", partial(host_facts.output_facts, subject)),
        ("kernel log", partial(host_facts.kernel_facts, subject)),
    )


async def _snapshot_facts(client: Client, subject: Subject) -> Facts:
    if not subject.snapshot_prepared:
        return {}
    found = await _stat(client, subject, subject.snapshot_key)
    return {"snapshot_found": found is not None}


async def _parent_facts(client: Client, subject: Subject) -> Facts:
    """The committed snapshots from the image's topmost down to the last, or one not found."""
    parents: list[SnapshotFact] = []
    name = subject.chain_id
    while name and len(parents) < MOST_PARENTS:
        info = await _stat(client, subject, name)
        if info is None:
            parents.append(SnapshotFact(name, found=False))
            break
        parents.append(SnapshotFact(name, found=True, kind=str(info.kind)))
        name = info.parent
    return {"parents": tuple(parents)}


async def _stat(client: Client, subject: Subject, name: str) -> SnapshotInfo | None:
    try:
        return await client.snapshots(subject.snapshotter).stat(name)
    except NotFound:
        return None


async def _with_missing_files(
    client: Client, subject: Subject, evidence: Evidence, layers: ImageLayers
) -> Evidence:
    """The evidence with what became of each file that the process missed."""
    names = missing_names(_said(evidence))
    status = evidence.exit_status
    if not names and status is not None and 0 < status <= 128:
        # It ended by itself and has not said why: its words are on their way.
        await asyncio.sleep(SETTLE_SECONDS)
        evidence = replace(evidence, **host_facts.output_facts(subject))
        names = missing_names(_said(evidence))
    if not names:
        return evidence
    image = await layers.tree(
        client,
        snapshotter=subject.snapshotter,
        chain_id=subject.chain_id,
        mounts=subject.mounts,
    )
    seen = host_facts.seen_root(client.namespace, subject)
    search = search_folders(subject.cwd, subject.env, traceback_folders(_said(evidence)))
    return replace(evidence, missing=await look_up(names, image=image, seen=seen, search=search))


def _said(evidence: Evidence) -> str:
    """What the error and the process say, the error last: it is what ended the step."""
    return "\n".join((evidence.stdout_tail, evidence.stderr_tail, evidence.error))


def events_of(events: list[DaemonEvent], container_id: str) -> tuple[EventFact, ...]:
    """The last events of one container, oldest first."""
    of_it = [e for e in events if container_id in (e.container_id, e.snapshot_key)]
    return tuple(
        EventFact(
            topic=event.topic,
            at=at.timestamp() if (at := event.exited_at or event.timestamp) else None,
            pid=event.pid,
            exit_status=event.exit_status,
        )
        for event in of_it[-MOST_EVENTS:]
    )
