"""The only interpreter of plans."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from typing import Protocol

from iluvatar_bench.errors import Unreachable
from iluvatar_bench.host.task_group import task_group
from iluvatar_bench.plans import ColdStartPlan, PlannedTrial
from iluvatar_bench.records import Trial
from iluvatar_bench.runs.room import require_room
from iluvatar_bench.runs.trial import Setting, run_trial

Sink = Callable[[Trial], None]


class Stop(Protocol):
    """Says whether no further trial is to begin; an ``asyncio.Event`` will do."""

    def is_set(self) -> bool:
        """Whether it was asked for."""


async def run_plan(
    setting: Setting,
    plan: ColdStartPlan,
    *,
    sinks: tuple[Sink, ...],
    stop: Stop | None = None,
    done: Container[int] = (),
) -> None:
    """Run the trials of the plan that are not ``done``, by their index: see :func:`run_trials`."""
    trials = ((setting, planned) for planned in plan.trials if planned.index not in done)
    await run_trials(trials, concurrency=plan.concurrency, sinks=sinks, stop=stop)


async def run_trials(
    trials: Iterable[tuple[Setting, PlannedTrial]],
    *,
    concurrency: int,
    sinks: tuple[Sink, ...],
    stop: Stop | None = None,
) -> None:
    """Run the trials in their order, ``concurrency`` at a time; each sink gets each trial.

    ``trials`` may be a generator that decides late: it is asked for the next trial only when there
    is room for it. After ``stop`` is set no trial begins, and those in flight are finished. While
    containerd is away none begins either; where it does not come back the trials that are left are
    not run, which the settings' watch says (``DaemonWatch.lost``).

    A sink is called as a trial ends, in the order of ends. A sink that raises ends the run: a
    trial that cannot be written down must not be lost silently.

    Raises:
        DiskFull: a private containerd has no room to make another container.
    """
    waiting = iter(trials)
    async with task_group() as group:
        for _ in range(concurrency):
            group.create_task(_work(waiting, sinks, stop))


async def _work(
    waiting: Iterator[tuple[Setting, PlannedTrial]], sinks: tuple[Sink, ...], stop: Stop | None
) -> None:
    for setting, planned in waiting:
        trial = await _begin(setting, planned, stop)
        if trial is None:
            return
        for sink in sinks:
            sink(trial)
        require_room(setting.node, trial)


async def _begin(setting: Setting, planned: PlannedTrial, stop: Stop | None) -> Trial | None:
    """Run one trial once containerd is there; None where no trial is to begin any more."""
    while stop is None or not stop.is_set():
        if setting.daemon is not None and not await setting.daemon.wait_serving():
            return None
        try:
            return await run_trial(setting, planned)
        except Unreachable:
            if setting.daemon is None:
                raise
            setting.daemon.suspect()
    return None
