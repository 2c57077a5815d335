"""Collects the facts of one failure from containerd and the host, before the task is deleted."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from iluvatar_bench.bugs import EventFact, Evidence, SnapshotFact
from iluvatar_bench.bugs.rules.missing_file import missing_names, traceback_folders
from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.services.events import DaemonEvent
from iluvatar_bench.containerd.values import RESTART_LABEL, SnapshotInfo
from iluvatar_bench.errors import NotFound
from iluvatar_bench.host.kernel.ancestry import Served
from iluvatar_bench.monitor.evidence import host as host_facts
from iluvatar_bench.monitor.evidence.failing_container import FailingContainer
from iluvatar_bench.monitor.evidence.host import Facts
from iluvatar_bench.monitor.evidence.rootfs import ImageLayers, look_up, search_folders

SETTLE_SECONDS = 0.1
"""How long the output of a process that has just ended may be on its way through the shim."""

MOST_EVENTS = 20
MOST_SIGNALS = 50

MOST_PARENTS = 64


async def collect(
    client: Client, address: Path, failing: FailingContainer, *, layers: ImageLayers | None = None
) -> Evidence:
    """Every fact that can be had; what cannot be had is None, with a note saying why.

    ``layers`` remembers the directories of images between failures. Raises nothing but
    cancellation: a failure is examined best with whatever is left.
    """
    notes: list[str] = []
    served = Served(
        container_id=failing.container_id, address=str(address), namespace=client.namespace
    )
    facts = _known(failing, notes) | await _witnessed(failing, served, notes)
    for what, gather in _host_parts(client.namespace, address, failing):
        try:
            facts |= await asyncio.to_thread(gather)
        except Exception as error:
            notes.append(f"{what}: {error or type(error).__name__}")
    asked = (
        ("snapshot", _snapshot_facts),
        ("parents", _parent_facts),
        ("restart label", _restart_facts),
    )
    if not failing.daemon_answers:
        notes.append("containerd was not asked: it does not answer")
        return replace(Evidence(**facts), notes=tuple(notes))
    for what, ask in asked:
        try:
            facts |= await ask(client, failing)
        except Exception as error:
            notes.append(f"{what}: {error or type(error).__name__}")
    evidence = Evidence(**facts)
    try:
        evidence = await _with_missing_files(client, failing, evidence, layers or ImageLayers())
    except Exception as error:
        notes.append(f"looking for missing files: {error or type(error).__name__}")
    return replace(evidence, notes=tuple(notes))


def _known(failing: FailingContainer, notes: list[str]) -> Facts:
    """What needs no question."""
    facts: Facts = {
        "container_id": failing.container_id,
        "error": failing.error,
        "step": failing.step,
        "step_started_at": failing.step_started_at,
        "step_ended_at": failing.step_ended_at,
        "snapshot_key": failing.snapshot_key,
        "snapshot_removed_by_us": failing.snapshot_removed_by_us,
        "cgroup": failing.cgroup,
        "own_kills": failing.own_kills,
        "neighbour_kills": failing.neighbour_kills,
        "kills_known_since": failing.kills_known_since,
        "reaping_seconds": failing.reaping_seconds,
        "own_changes": failing.own_changes,
        "neighbour_changes": failing.neighbour_changes,
        "memory_limit_made_bytes": failing.memory_limit_made_bytes,
        "cgroup_shared": failing.cgroup_shared,
        "cgroup_identity_before": failing.cgroup_identity_before,
        "client_pid": os.getpid(),
        "daemon_before": failing.daemon_before,
        "events": failing.events,
    }
    if failing.events_broken is not None:
        notes.append(f"events: the stream broke: {failing.events_broken}")
    return facts | _exit_facts(failing)


async def _witnessed(failing: FailingContainer, served: Served, notes: list[str]) -> Facts:
    """What the kernel recorded; nothing, with the reason, where it cannot be asked."""
    witness = failing.witness
    if witness is None or failing.began_at is None:
        return {}
    said = await witness.testimony(
        failing.container_id,
        pid=failing.pid,
        shim_pid=failing.shim_pid,
        since=failing.began_at,
        served=served,
    )
    if said is None:
        notes.append(f"no record of signals: {witness.remark or 'the witness did not answer'}")
        return {}
    if said.lost:
        notes.append(f"the kernel's record lacks {said.lost} signals of this host")
    return {
        "signals": said.signals[:MOST_SIGNALS],
        "signals_lost": said.lost + max(0, len(said.signals) - MOST_SIGNALS),
        "oom_victims": said.victims[:MOST_SIGNALS],
        "shim_ended_at": said.shim_ended_at,
    }


def _exit_facts(failing: FailingContainer) -> Facts:
    """How the process ended: as the wait said, or else as an event did.

    A wait has no answer when the shim goes away; containerd publishes the exit all the same.
    """
    status = failing.exit_status
    if status is not None:
        at = status.exited_at.timestamp() if status.exited_at else None
        return {"exit_status": status.status, "exited_at": at}
    for event in reversed(failing.events or ()):
        if event.topic == "/tasks/exit" and event.pid in (failing.pid, None):
            return {"exit_status": event.exit_status, "exited_at": event.at}
    return {}


def _host_parts(
    namespace: str, address: Path, failing: FailingContainer
) -> tuple[tuple[str, Callable[[], Facts]], ...]:
    return (
        ("root file system", partial(host_facts.root_facts, namespace, failing)),
        ("process and shim", partial(host_facts.process_facts, address, failing)),
        (f"cgroup {failing.cgroup}", partial(host_facts.cgroup_facts, failing)),
        (f"socket {address}", partial(host_facts.daemon_facts, address)),
        ("output", partial(host_facts.output_facts, failing)),
        ("room for output", partial(host_facts.room_facts, failing)),
        ("kernel log", partial(host_facts.kernel_facts, failing)),
    )


async def _snapshot_facts(client: Client, failing: FailingContainer) -> Facts:
    if not failing.snapshot_prepared:
        return {}
    found = await _stat(client, failing, failing.snapshot_key)
    return {"snapshot_found": found is not None}


async def _parent_facts(client: Client, failing: FailingContainer) -> Facts:
    """The committed snapshots from the container's parent down to the last, or one not found."""
    parents: list[SnapshotFact] = []
    name = failing.parent or failing.chain_id
    while name and len(parents) < MOST_PARENTS:
        info = await _stat(client, failing, name)
        if info is None:
            parents.append(SnapshotFact(name, found=False))
            break
        parents.append(SnapshotFact(name, found=True, kind=str(info.kind)))
        name = info.parent
    return {"parents": tuple(parents)}


async def _restart_facts(client: Client, failing: FailingContainer) -> Facts:
    """What containerd's restart monitor is told to do with the container, as a rule nothing."""
    try:
        record = await client.containers.get(failing.container_id)
    except NotFound:
        return {}
    status = record.labels.get(RESTART_LABEL)
    return {} if status is None else {"restart_status": status}


async def _stat(client: Client, failing: FailingContainer, name: str) -> SnapshotInfo | None:
    try:
        return await client.snapshots(failing.snapshotter).stat(name)
    except NotFound:
        return None


async def _with_missing_files(
    client: Client, failing: FailingContainer, evidence: Evidence, layers: ImageLayers
) -> Evidence:
    """The evidence with what became of each file that the process missed."""
    names = missing_names(_said(evidence))
    status = evidence.exit_status
    if not names and status is not None and 0 < status <= 128:
        # It ended by itself and has not said why: its words are on their way.
        await asyncio.sleep(SETTLE_SECONDS)
        evidence = replace(evidence, **host_facts.output_facts(failing))
        names = missing_names(_said(evidence))
    if not names:
        return evidence
    image = await layers.tree(
        client,
        snapshotter=failing.snapshotter,
        chain_id=failing.chain_id,
        mounts=failing.mounts,
    )
    seen = host_facts.seen_root(client.namespace, failing)
    search = search_folders(failing.cwd, failing.env, traceback_folders(_said(evidence)))
    return replace(evidence, missing=await look_up(names, image=image, seen=seen, search=search))


def _said(evidence: Evidence) -> str:
    """What the error and the process say, the error last: it is what ended the step."""
    return "\n".join((evidence.stdout_tail, evidence.stderr_tail, evidence.error))


def event_facts(events: Sequence[DaemonEvent]) -> tuple[EventFact, ...]:
    """The last events of one container, oldest first."""
    return tuple(
        EventFact(
            topic=event.topic,
            at=at.timestamp() if (at := event.exited_at or event.timestamp) else None,
            pid=event.pid,
            exit_status=event.exit_status,
        )
        for event in events[-MOST_EVENTS:]
    )
