"""Runs a workload in an open testbed and keeps what happened in the run's folder."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from iluvatar_bench.host.facts import host_facts
from iluvatar_bench.monitor import Monitor
from iluvatar_bench.records import Trial
from iluvatar_bench.records.frames import Observations, invocations_frame, trials_frame
from iluvatar_bench.records.run_result import RunResult, RunStatus
from iluvatar_bench.runs.leaks import take_inventory
from iluvatar_bench.runs.result import open_run
from iluvatar_bench.runs.runner import Sink, Stop
from iluvatar_bench.runs.store import RunFolder
from iluvatar_bench.runs.testbed import Testbed

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
) -> RunResult:
    """Run the workload; write journal, tables, rates and manifest; give back the run.

    ``manifest`` holds what is particular to the run (profile, function, plan); versions, host
    facts, times, status and the leaks are added. ``stop``, once set, has let the workload
    end early: its trials in flight were finished, and the run's status is ``stopped``. Cancelled,
    the run keeps what had ended and its status is ``interrupted``.

    Raises:
        ContainerdError: the inventory could not be taken.
    """
    sinks: tuple[Sink, ...] = (folder.append, on_trial) if on_trial else (folder.append,)
    document = {**await _surroundings(testbed), **manifest}
    folder.write_manifest({**document, "status": RunStatus.RUNNING})
    status = RunStatus.INTERRUPTED
    stock = partial(
        take_inventory,
        testbed.node,
        snapshotters=testbed.settings.snapshotters,
        pools=[pool for pool, _ in testbed.networks.values()],
    )
    before = await stock()
    leaked: dict[str, list[str]] | None = None
    monitor = testbed.monitor
    try:
        await workload(sinks)
        status = RunStatus.STOPPED if stop is not None and stop.is_set() else RunStatus.FINISHED
        leaked = (await stock()).beyond(before)
    finally:
        # Also after Ctrl-C: what was lived through is kept as tables, not only as a journal.
        folder.close()
        trials = folder.journal()
        folder.write_tables(
            trials_frame(trials), _observations(monitor, folder.run_id), invocations_frame(trials)
        )
        ended = {
            "status": status,
            "ended_at": datetime.now(UTC).isoformat(),
            "events_complete": monitor.events.complete,
            "event_gaps": [gap.as_dict() for gap in monitor.events.gaps],
            "ledger": {"before": asdict(before), "leaked": leaked},
        }
        folder.write_manifest({**document, **ended})
    result = open_run(folder.path)
    result.rates.to_csv(folder.path / "failure_rates.csv", index=False)
    return replace(result, recorded=False)


def _observations(monitor: Monitor, run_id: str) -> Observations:
    return Observations(
        events=monitor.events.records(run_id),
        deaths=monitor.exits.deaths(run_id),
        samples=monitor.samples(run_id),
    )


async def _surroundings(testbed: Testbed) -> dict[str, Any]:
    settings = testbed.settings
    network: dict[str, Any] = {"pool_size": settings.pool_size}
    if settings.bridged:
        network |= {
            "subnet": str(settings.network.subnet),
            "bridge": settings.network.bridge,
        }
    version = await testbed.node.client.introspection.version()
    return {
        "started_at": datetime.now(UTC).isoformat(),
        "containerd": {"version": version.version, "revision": version.revision},
        "private_daemon": testbed.node.collector is not None,
        "network": network,
        "host": await asyncio.to_thread(host_facts),
    }
