"""Goes on with a run that was cut off, stopped, or lost its containerd: the same plan, its rest.

Trials that have ended stay as they ended, and the others are run: those that were under way when
the run was cut off from their beginning. What that means for a workload of arrivals stands in
``runs.standing``. The manifest keeps what is known of the sessions before, in ``sessions``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from iluvatar_bench.errors import UsageError
from iluvatar_bench.host.facts import host_facts
from iluvatar_bench.plans import ColdStartPlan
from iluvatar_bench.records import ArrivalRecord, Trial
from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.records.run_status import RunStatus
from iluvatar_bench.runs.churn import live_churn
from iluvatar_bench.runs.cold_start import live_cold_start
from iluvatar_bench.runs.execute import session_of
from iluvatar_bench.runs.other_clients import require_kinds
from iluvatar_bench.runs.request import asked_of
from iluvatar_bench.runs.runner import Stop
from iluvatar_bench.runs.standing import Standing
from iluvatar_bench.runs.store import RunFolder, read_manifest
from iluvatar_bench.stats.run_comparison import HOST_FACTS


async def resume_run(
    path: Path,
    *,
    on_trial: Callable[[Trial], None] | None = None,
    on_arrival: Callable[[ArrivalRecord], None] | None = None,
    stop: Stop | None = None,
) -> RunResult:
    """Run what is left of a run's plan, in the same folder, with the same profile and settings.

    ``on_trial``, ``on_arrival`` and ``stop`` are those of ``run_cold_start`` and ``run_churn``.

    Raises:
        UsageError: it is no run that can be resumed: finished, under way in another process, of
            another host, a study, or of a version that did not keep what was asked of it.
        EnvironmentProblem: the host lacks something.
    """
    manifest = read_manifest(path)
    if manifest.get("status") == RunStatus.FINISHED:
        raise UsageError(f"{path} is finished: there is nothing left to run")
    settings, plan = asked_of(path, manifest, "resumed")
    _require_same_host(path, manifest)
    require_kinds(manifest.get("beside", ()), address=settings.address)
    sessions = [*manifest.get("sessions", ()), session_of(manifest)]
    folder = RunFolder(path, session=len(sessions) + 1)
    folder.claim()
    try:
        if isinstance(plan, ColdStartPlan):
            return await live_cold_start(
                settings,
                plan,
                folder,
                beside=manifest.get("beside", ()),
                on_trial=on_trial,
                stop=stop,
                sessions=sessions,
            )
        sessions[-1]["lost_containers"] = list(Standing.of(folder).lost)
        return await live_churn(
            settings,
            plan,
            folder,
            on_trial=on_trial,
            on_arrival=on_arrival,
            stop=stop,
            sessions=sessions,
        )
    finally:
        folder.close()


def _require_same_host(path: Path, manifest: Mapping[str, Any]) -> None:
    """Rates of two machines in one table would be those of neither."""
    then, now = manifest.get("host") or {}, host_facts()
    names = [name for name in HOST_FACTS if name in then and then[name] != now.get(name)]
    if names:
        told = "; ".join(f"{name}: {then[name]}, now {now.get(name)}" for name in names)
        raise UsageError(f"{path} was begun on another host: {told}")
