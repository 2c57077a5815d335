"""The only interpreter of plans."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from iluvatar_bench.experiments.trial import Setting, run_trial
from iluvatar_bench.plans import ColdStartPlan, PlannedTrial
from iluvatar_bench.records import Trial

Sink = Callable[[Trial], None]


async def run_plan(setting: Setting, plan: ColdStartPlan, *, sinks: tuple[Sink, ...]) -> None:
    """Run every trial of the plan, ``plan.concurrency`` at a time; each sink gets each trial.

    A sink is called as a trial ends, in the order of ends. A sink that raises ends the run: a
    trial that cannot be written down must not be lost silently.
    """
    waiting = iter(plan.trials)
    async with asyncio.TaskGroup() as group:
        for _ in range(min(plan.concurrency, len(plan.trials))):
            group.create_task(_work(setting, waiting, sinks))


async def _work(setting: Setting, waiting: Iterator[PlannedTrial], sinks: tuple[Sink, ...]) -> None:
    for planned in waiting:
        trial = await run_trial(setting, planned)
        for sink in sinks:
            sink(trial)
