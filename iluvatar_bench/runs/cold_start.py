"""A cold-start run from a profile's name to a finished run folder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iluvatar_bench.functions import image_of
from iluvatar_bench.host.journal import SYNC_SECONDS
from iluvatar_bench.host.network.attachment import DEFAULT_NETWORK, NetworkSettings
from iluvatar_bench.host.process_limits import require_limits
from iluvatar_bench.lifecycle.container import STARTUP_SECONDS
from iluvatar_bench.monitor.memory import PERIOD_SECONDS
from iluvatar_bench.plans import ColdStartPlan, cold_start
from iluvatar_bench.profiles import Profile
from iluvatar_bench.records import Trial
from iluvatar_bench.runs.daemon_watch import AWAY_SECONDS
from iluvatar_bench.runs.execute import execute
from iluvatar_bench.runs.live_steps import OnStep
from iluvatar_bench.runs.other_clients import Surroundings, require_kinds, worked_beside
from iluvatar_bench.runs.request import request_of
from iluvatar_bench.runs.runner import Sink, Stop, run_plan
from iluvatar_bench.runs.store import RunFolder
from iluvatar_bench.runs.testbed import TestbedSettings, build_options, open_testbed

if TYPE_CHECKING:
    from iluvatar_bench.records.run_result import RunResult


async def run_cold_start(
    profile: Profile,
    *,
    trials: int,
    concurrency: int,
    seed: int,
    results: Path,
    function: str = "hello",
    hold_ms: tuple[int, int] = (200, 1500),
    ready_seconds: float = STARTUP_SECONDS,
    pool_size: int = 0,
    sample_seconds: float = PERIOD_SECONDS,
    network: NetworkSettings = DEFAULT_NETWORK,
    address: Path | None = None,
    pause_threshold: float | None = None,
    log_collections: bool = True,
    away_seconds: float = AWAY_SECONDS,
    journal_sync_seconds: float = SYNC_SECONDS,
    witness: bool = True,
    beside: Sequence[str] = (),
    on_trial: Callable[[Trial], None] | None = None,
    on_step: OnStep | None = None,
    stop: Stop | None = None,
) -> RunResult:
    """Cold-start ``trials`` containers under one profile and keep what happened.

    ``function``, ``pool_size``, ``network``, ``address``, ``ready_seconds``, ``sample_seconds``,
    ``pause_threshold``, ``log_collections``, ``away_seconds``, ``journal_sync_seconds`` and
    ``witness`` are those of a :class:`~iluvatar_bench.runs.testbed.TestbedSettings`.
    ``beside`` names what other clients do meanwhile (``runs.other_clients.KINDS``).
    ``on_trial`` is called as each trial ends, ``on_step`` as a container begins each step of its
    life. After ``stop`` is set no trial begins, and those in flight are finished.

    Raises:
        UsageError: a name or number is wrong; nothing was started.
        EnvironmentProblem: the host lacks something.
    """
    require_kinds(beside, address=address)
    settings = TestbedSettings(
        profiles=(profile,),
        functions=(function,),
        address=address,
        pool_size=pool_size,
        network=network,
        ready_seconds=ready_seconds,
        pause_threshold=pause_threshold,
        log_collections=log_collections,
        sample_seconds=sample_seconds,
        away_seconds=away_seconds,
        journal_sync_seconds=journal_sync_seconds,
        witness=witness,
    )
    plan = cold_start(
        trials=trials,
        concurrency=concurrency,
        seed=seed,
        function=settings.sources[0].container_name,
        hold_ms=hold_ms,
    )
    folder = RunFolder.create(results, profile_name=profile.name)
    try:
        return await live_cold_start(
            settings, plan, folder, beside=beside, on_trial=on_trial, on_step=on_step, stop=stop
        )
    finally:
        folder.discard_if_empty()


async def live_cold_start(
    settings: TestbedSettings,
    plan: ColdStartPlan,
    folder: RunFolder,
    *,
    on_trial: Callable[[Trial], None] | None,
    stop: Stop | None,
    on_step: OnStep | None = None,
    beside: Sequence[str] = (),
    sessions: Sequence[Mapping[str, Any]] = (),
    repeats: str | None = None,
) -> RunResult:
    """Run the trials of the plan that the folder's journal does not hold yet.

    ``sessions`` are those in which the run was cut off before; ``repeats`` is the id of the run
    that this one repeats.
    """
    require_limits(plan.concurrency)
    (source,) = settings.sources
    (profile,) = settings.profiles
    done = {row["trial"] for row in folder.trials.each_row()}
    async with open_testbed(settings, folder) as testbed:
        setting = testbed.setting(profile, source.container_name, on_step=on_step)

        async def workload(sinks: tuple[Sink, ...]) -> None:
            async with AsyncExitStack() as stack:
                if beside:
                    built = await asyncio.to_thread(image_of, source, build_options(profile))
                    there = Surroundings(
                        client=setting.node.client,
                        address=setting.node.address,
                        image=setting.image,
                        layout=built.layout,
                        snapshotter=profile.snapshotter,
                    )
                    await stack.enter_async_context(worked_beside(beside, there, folder.beside))
                await run_plan(setting, plan, done=done, sinks=sinks, stop=stop)

        return await execute(
            testbed,
            folder,
            workload,
            manifest={
                "profile": profile.model_dump(),
                "function": source.name,
                "plan": plan.as_json(),
                "pause_threshold": settings.collector.pause_threshold,
                "request": request_of(settings),
                **({"beside": list(beside)} if beside else {}),
                **({} if repeats is None else {"repeats": repeats}),
            },
            on_trial=on_trial,
            stop=stop,
            sessions=sessions,
        )
