"""Makes a run again from its folder alone: the same plan, profile, functions and settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from iluvatar_bench.errors import UsageError
from iluvatar_bench.plans import ChurnPlan, ColdStartPlan
from iluvatar_bench.profiles import Profile
from iluvatar_bench.records import ArrivalRecord, Trial
from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.records.run_status import OBSERVED
from iluvatar_bench.records.workload import WORKLOADS, workload_of
from iluvatar_bench.runs.churn import live_churn
from iluvatar_bench.runs.cold_start import live_cold_start
from iluvatar_bench.runs.function_record import same_function
from iluvatar_bench.runs.other_clients import require_kinds
from iluvatar_bench.runs.request import asked_of, damaged_told
from iluvatar_bench.runs.runner import Stop
from iluvatar_bench.runs.store import RunFolder, read_manifest
from iluvatar_bench.runs.testbed import TestbedSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """What is to be run again, checked; ``remarks`` say what is not as it was."""

    run_id: str
    settings: TestbedSettings
    plan: ColdStartPlan | ChurnPlan
    beside: tuple[str, ...]
    remarks: tuple[str, ...]


def plan_repeat(path: Path, *, address: Path | None = None) -> Repeat:
    """What a run's folder says of how to make it again; nothing is started.

    ``address`` is the socket of a containerd to use instead of that of the run.

    Raises:
        UsageError: it is a study, or something is missing here; the message says what.
        EnvironmentProblem: the host cannot do what the profile asks for.
    """
    manifest = read_manifest(path)
    _require_workload(path, manifest)
    remarks: list[str] = []
    with damaged_told(path, "repeated"):
        if "request" in manifest:
            functions = _functions(manifest, remarks)
            settings, plan = asked_of(path, manifest, "repeated", functions=functions)
        else:
            settings, plan = _by_plan(manifest)
            remarks.append(
                "that version kept no more than profile, function and plan: all else is as "
                "today's defaults have it"
            )
    if address is not None:
        settings = replace(settings, address=address)
    beside = tuple(manifest.get("beside", ()))
    require_kinds(beside, address=settings.address)
    return Repeat(
        run_id=str(manifest["run_id"]),
        settings=settings,
        plan=plan,
        beside=beside,
        remarks=tuple(remarks),
    )


async def repeat_run(
    repeat: Repeat,
    *,
    results: Path,
    on_trial: Callable[[Trial], None] | None = None,
    on_arrival: Callable[[ArrivalRecord], None] | None = None,
    stop: Stop | None = None,
) -> RunResult:
    """Run it, in a folder of its own; its manifest says which run it repeats.

    ``on_trial``, ``on_arrival`` and ``stop`` are those of ``run_cold_start`` and ``run_churn``.

    Raises:
        EnvironmentProblem: the host lacks something.
    """
    settings, plan = repeat.settings, repeat.plan
    (profile,) = settings.profiles
    kind = "" if isinstance(plan, ColdStartPlan) else f"{plan.kind}-"
    folder = RunFolder.create(results, profile_name=f"{kind}{profile.name}")
    try:
        if isinstance(plan, ColdStartPlan):
            return await live_cold_start(
                settings,
                plan,
                folder,
                beside=repeat.beside,
                on_trial=on_trial,
                stop=stop,
                repeats=repeat.run_id,
            )
        return await live_churn(
            settings,
            plan,
            folder,
            on_trial=on_trial,
            on_arrival=on_arrival,
            stop=stop,
            repeats=repeat.run_id,
        )
    finally:
        folder.discard_if_empty()


def _require_workload(path: Path, manifest: Mapping[str, Any]) -> None:
    workload = workload_of(manifest)
    if workload in WORKLOADS:
        return
    if workload == OBSERVED:
        raise UsageError(f"{path} cannot be repeated: it is an observation of what others ran")
    command = manifest.get("command")
    made = f"it was made by: {' '.join(map(str, command))}" if command else f"run {workload}"
    raise UsageError(f"{path} cannot be repeated: it is a study, with a command of its own; {made}")


def _functions(manifest: Mapping[str, Any], remarks: list[str]) -> tuple[str, ...]:
    asked = tuple(manifest["request"]["functions"])
    records = manifest.get("functions")
    if records is None:
        remarks.append("that version kept no source: the functions are taken as they are now")
        return asked
    return tuple(same_function(record) for record in records)


def _by_plan(manifest: Mapping[str, Any]) -> tuple[TestbedSettings, ColdStartPlan | ChurnPlan]:
    """Of a run whose version did not keep its request."""
    profile = Profile.model_validate(manifest["profile"])
    document = manifest["plan"]
    if "arrivals" not in document:
        functions = (str(manifest["function"]),)
        settings = TestbedSettings(profiles=(profile,), functions=functions)
        return settings, ColdStartPlan.from_json(document)
    plan = ChurnPlan.from_json(document)
    sources = tuple(dict.fromkeys(function.source for function in plan.functions))
    return TestbedSettings(profiles=(profile,), functions=sources), plan
