"""A churn or trace run from a plan to a finished run folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iluvatar_bench.errors import UsageError
from iluvatar_bench.functions.catalog import LONGEST_NAME, NAME
from iluvatar_bench.functions.images import find_source
from iluvatar_bench.host.journal import SYNC_SECONDS
from iluvatar_bench.host.network.attachment import DEFAULT_NETWORK, NetworkSettings
from iluvatar_bench.host.process_limits import require_limits
from iluvatar_bench.lifecycle.container import STARTUP_SECONDS
from iluvatar_bench.monitor.memory import PERIOD_SECONDS
from iluvatar_bench.plans import ChurnPlan
from iluvatar_bench.profiles import Profile
from iluvatar_bench.records import ArrivalRecord, Trial
from iluvatar_bench.runs.daemon_watch import AWAY_SECONDS
from iluvatar_bench.runs.execute import execute
from iluvatar_bench.runs.live_steps import OnStep
from iluvatar_bench.runs.pool_log import PoolLog
from iluvatar_bench.runs.pool_worker import PoolWorker
from iluvatar_bench.runs.request import request_of
from iluvatar_bench.runs.runner import Sink, Stop
from iluvatar_bench.runs.standing import Standing
from iluvatar_bench.runs.store import RunFolder
from iluvatar_bench.runs.testbed import TestbedSettings, open_testbed

if TYPE_CHECKING:
    from iluvatar_bench.records.run_result import RunResult


async def run_churn(
    profile: Profile,
    plan: ChurnPlan,
    *,
    results: Path,
    ready_seconds: float = STARTUP_SECONDS,
    pool_size: int = 0,
    sample_seconds: float = PERIOD_SECONDS,
    network: NetworkSettings = DEFAULT_NETWORK,
    address: Path | None = None,
    away_seconds: float = AWAY_SECONDS,
    journal_sync_seconds: float = SYNC_SECONDS,
    witness: bool = True,
    on_trial: Callable[[Trial], None] | None = None,
    on_arrival: Callable[[ArrivalRecord], None] | None = None,
    on_step: OnStep | None = None,
    stop: Stop | None = None,
) -> RunResult:
    """Serve the plan's arrivals from a keep-alive pool under one profile; keep what happened.

    The run's folder has ``arrivals.parquet`` (a row an arrival) and ``pool.parquet`` (the pool's
    history) beside the tables of every run, each with its journal. ``pool_size``
    (of networks), ``network``, ``address``, ``ready_seconds``, ``sample_seconds``,
    ``away_seconds``, ``journal_sync_seconds`` and ``witness`` are those of a
    :class:`~iluvatar_bench.runs.testbed.TestbedSettings`. ``on_trial`` and ``on_arrival`` are
    called as each ends, ``on_step`` as a container begins each step of its life. After ``stop`` is
    set no arrival is submitted, those that wait for memory are dropped, and those being served are
    finished.

    Raises:
        UsageError: a name or number is wrong; nothing was started.
        EnvironmentProblem: the host lacks something.
    """
    sources = tuple(dict.fromkeys(function.source for function in plan.functions))
    for function in plan.functions:
        if not NAME.fullmatch(function.name) or len(function.name) > LONGEST_NAME:
            raise UsageError(
                f"containers cannot be named after function {function.name!r}: at most "
                f"{LONGEST_NAME} letters and digits, with single . _ or - between them"
            )
    settings = TestbedSettings(
        profiles=(profile,),
        functions=sources,
        address=address,
        pool_size=pool_size,
        network=network,
        ready_seconds=ready_seconds,
        sample_seconds=sample_seconds,
        away_seconds=away_seconds,
        journal_sync_seconds=journal_sync_seconds,
        witness=witness,
    )
    if profile.eviction == "ttl" and plan.keep_alive_ms is None:
        raise UsageError(
            "eviction=ttl evicts nothing before its keep-alive is over: say how long that is "
            "(--keep-alive-ms), or arrivals could wait for ever"
        )
    names = {source: find_source(source).container_name for source in sources}
    if len(set(names.values())) < len(names):
        raise UsageError(f"two different functions are named alike: {', '.join(names)}")
    folder = RunFolder.create(results, profile_name=f"{plan.kind}-{profile.name}")
    try:
        return await live_churn(
            settings,
            plan,
            folder,
            on_trial=on_trial,
            on_arrival=on_arrival,
            on_step=on_step,
            stop=stop,
        )
    finally:
        folder.discard_if_empty()


async def live_churn(
    settings: TestbedSettings,
    plan: ChurnPlan,
    folder: RunFolder,
    *,
    on_trial: Callable[[Trial], None] | None,
    on_arrival: Callable[[ArrivalRecord], None] | None,
    stop: Stop | None,
    on_step: OnStep | None = None,
    sessions: Sequence[Mapping[str, Any]] = (),
    repeats: str | None = None,
) -> RunResult:
    """Serve the arrivals of the plan that have not ended yet, by the folder's journals.

    ``sessions`` are those in which the run was cut off before; ``repeats`` is the id of the run
    that this one repeats.
    """
    require_limits(plan.budget_mib // min(plan.memory_mib.values()))
    (profile,) = settings.profiles
    names = {source: find_source(source).container_name for source in settings.functions}
    so_far = Standing.of(folder)
    async with open_testbed(settings, folder) as testbed:
        by_function = {
            f.name: testbed.setting(profile, names[f.source], on_step=on_step)
            for f in plan.functions
        }

        def write(record: ArrivalRecord) -> None:
            folder.arrivals.append(asdict(record))

        async def workload(sinks: tuple[Sink, ...]) -> None:
            worker = PoolWorker(
                settings=by_function,
                plan=plan,
                sinks=sinks,
                arrival_sinks=(write, *((on_arrival,) if on_arrival else ())),
                log=PoolLog(folder.pool),
                so_far=so_far,
            )
            await worker.run(stop)

        return await execute(
            testbed,
            folder,
            workload,
            manifest={
                "profile": profile.model_dump(),
                "function": ", ".join(names.values()),
                "plan": plan.as_json(),
                "request": request_of(settings),
                **({} if repeats is None else {"repeats": repeats}),
            },
            on_trial=on_trial,
            stop=stop,
            sessions=sessions,
        )
