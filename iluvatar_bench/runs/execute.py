"""Runs a workload in an open testbed and keeps what happened in the run's folder."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from iluvatar_bench.errors import DiskFull, UnusablePath
from iluvatar_bench.host.facts import host_facts, started_as
from iluvatar_bench.host.first_error import cleaned_up
from iluvatar_bench.host.host_noise import noise_of_run, read_noise
from iluvatar_bench.host.journal import kept_synced
from iluvatar_bench.host.oci_runtime import runtime_facts
from iluvatar_bench.records import Trial
from iluvatar_bench.records.run_status import RunStatus
from iluvatar_bench.runs.function_record import function_records
from iluvatar_bench.runs.leaks import take_inventory
from iluvatar_bench.runs.runner import Sink, Stop
from iluvatar_bench.runs.store import RunFolder
from iluvatar_bench.runs.testbed import Testbed

if TYPE_CHECKING:
    from iluvatar_bench.records.run_result import RunResult

log = logging.getLogger(__name__)

LAST_EVENT_SECONDS = 5.0
"""How long the events of the last deaths are waited for; they take some milliseconds."""

Workload = Callable[[tuple[Sink, ...]], Awaitable[None]]
"""Runs every trial and hands each to every sink as it ends."""


async def execute(
    testbed: Testbed,
    folder: RunFolder,
    workload: Workload,
    *,
    manifest: Mapping[str, Any],
    on_trial: Callable[[Trial], None] | None = None,
    stop: Stop | None = None,
    sessions: Sequence[Mapping[str, Any]] = (),
) -> RunResult:
    """Run the workload; write journals, tables, rates and manifest; give back the run.

    ``manifest`` holds what is particular to the run (profile, function, plan); versions, host
    facts, times, status and the leaks are added. Of a run that is resumed, ``sessions`` are
    those before this one (:func:`session_of`). ``stop``, once set, has let the workload end early:
    its trials in flight were finished, and the run's status is ``stopped``. Cancelled, the run
    keeps what had ended and its status is ``interrupted``.

    Raises:
        UsageError: another process is at this run.
        DiskFull: there is no room for what it keeps, or for what its containerd makes. Whatever had
            ended is in the journals, and its status is ``disk_full``.
        ContainerdError: the inventory could not be taken.
    """
    log.info("the run begins")
    sinks: tuple[Sink, ...] = (folder.append, on_trial) if on_trial else (folder.append,)
    document = {**await _surroundings(testbed), **manifest, "sessions": list(sessions)}
    folder.claim()
    folder.write_manifest({**document, "status": RunStatus.RUNNING})
    folder.reserve()
    stock = partial(
        take_inventory,
        testbed.node,
        snapshotters=testbed.settings.snapshotters,
        pools=[pool for pool, _ in testbed.networks.values()],
    )
    before = await stock()
    ended: dict[str, Any] = {"status": RunStatus.INTERRUPTED}
    leaked: dict[str, list[str]] | None = None

    async def keep() -> None:
        # Also after Ctrl-C: what was lived through is kept as tables, not only as journals.
        testbed.observations.close()
        if testbed.collections is not None:
            reader, journal = testbed.collections
            reader.read_on()
            journal.close()
        write_run(
            folder,
            {
                **document,
                **ended,
                "ended_at": datetime.now(UTC).isoformat(),
                **_watched(testbed),
                "noise": noise_of_run(testbed.noise, read_noise()),
                "ledger": {"before": asdict(before), "leaked": leaked},
            },
        )

    async with cleaned_up(keep):
        seconds = testbed.settings.journal_sync_seconds
        try:
            async with kept_synced(folder.journals, seconds=seconds):
                await workload(sinks)
        except DiskFull:
            ended["status"] = RunStatus.DISK_FULL
            raise
        if testbed.daemon.lost:
            ended["status"] = RunStatus.DAEMON_LOST
        else:
            stopped = stop is not None and stop.is_set()
            ended["status"] = RunStatus.STOPPED if stopped else RunStatus.FINISHED
            leaked = (await stock()).beyond(before)
            await testbed.monitor.wait_events(seconds=LAST_EVENT_SECONDS)
        log.info("the run is %s", ended["status"])
    from iluvatar_bench.runs.result import open_run

    return replace(open_run(folder.path), recorded=False)


def write_run(folder: RunFolder, manifest: Mapping[str, Any]) -> None:
    """Write every table, and last the manifest: until then the journals are read.

    Where there is no room for them, what had ended is in the journals, and the manifest says so.

    Raises:
        DiskFull: there was no room.
        UnusablePath: a table cannot be written for another reason.
    """
    try:
        _write(folder, manifest)
    except OSError as error:
        raise UnusablePath(
            f"cannot write the tables in {folder.path}: {error.strerror or error}; its journals "
            "hold what had ended"
        ) from error


def _write(folder: RunFolder, manifest: Mapping[str, Any]) -> None:
    # Not before: pandas and scipy take longer to load than containerd to start.
    from iluvatar_bench.runs.run_tables import write_tables

    try:
        folder.flush()
        write_tables(folder)
        folder.write_manifest(manifest)
    except DiskFull:
        folder.use_reserve()
        folder.write_manifest({**manifest, "status": RunStatus.DISK_FULL})
        raise
    finally:
        folder.close()


def _watched(testbed: Testbed) -> dict[str, Any]:
    """How whole the observations are."""
    events, witness = testbed.monitor.events, testbed.monitor.witness
    return {
        "witness": None if witness is None else witness.as_dict(),
        "events_complete": events.complete,
        "event_gaps": [gap.as_dict() for gap in events.gaps],
        "daemon_gaps": [gap.as_dict() for gap in testbed.daemon.gaps],
        "observations_broken": testbed.observations.broken,
    }


SESSION_FIELDS = (
    "started_at",
    "ended_at",
    "status",
    "event_gaps",
    "daemon_gaps",
    "witness",
    "ledger",
)


def session_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What a resumed run's manifest keeps of the session before; what was not known is left out."""
    return {name: manifest[name] for name in SESSION_FIELDS if name in manifest}


async def _surroundings(testbed: Testbed) -> dict[str, Any]:
    settings = testbed.settings
    network: dict[str, Any] = {"pool_size": settings.pool_size}
    if settings.bridged:
        network |= {"subnet": str(settings.network.subnet), "bridge": settings.network.bridge}
    version = await testbed.node.client.introspection.version()
    return {
        "started_at": datetime.now(UTC).isoformat(),
        "command": started_as(),
        "functions": await asyncio.to_thread(function_records, settings, testbed.images),
        "containerd": {"version": version.version, "revision": version.revision},
        "private_daemon": testbed.node.collector is not None,
        "network": network,
        "host": await asyncio.to_thread(host_facts),
        "runtimes": await asyncio.to_thread(runtime_facts, [p.runtime for p in settings.profiles]),
    }
