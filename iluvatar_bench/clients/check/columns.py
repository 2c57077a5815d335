"""The runs of one fault: position after position, or many at once where they cannot disturb
each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from iluvatar_bench.clients.check.at_position import (
    DELAY_SECONDS,
    PAUSE_SECONDS,
    AtPosition,
    Neighbour,
)
from iluvatar_bench.clients.check.client_run import ClientRun, Workbench, open_client_run
from iluvatar_bench.clients.check.left_on_node import Left, left_by, remove_left
from iluvatar_bench.clients.check.made import Made
from iluvatar_bench.clients.check.needs import Needs
from iluvatar_bench.clients.check.outcome import Fault
from iluvatar_bench.clients.check.positions import Order, Position, can_stand
from iluvatar_bench.clients.check.presence import missing
from iluvatar_bench.host.task_group import task_group

AT_ONCE = {
    Fault.LOST_ANSWER: 4,
    Fault.REFUSED: 4,
    Fault.CLIENT_KILLED: 4,
    # These mostly wait.
    Fault.DELAY: 12,
    Fault.PAUSE: 24,
}
"""How many runs of a fault go on at a time. A collection, a restart and a neighbour's end are felt
by every client of the daemon: they come one after the other."""

LIFELINE_SECONDS = 10.0
"""How long a killed client's own lifeline may take to remove what it left."""

_MORE_SECONDS = {
    Fault.DELAY: DELAY_SECONDS,
    Fault.PAUSE: PAUSE_SECONDS,
    Fault.DAEMON_RESTART: 5.0,
    Fault.NEIGHBOUR: 5.0,
}


@dataclass(slots=True)
class FaultRun:
    """One run with a fault, and what was seen of it."""

    position: Position
    fault: Fault
    repetition: int
    hook: AtPosition
    run: ClientRun
    made: Made = field(default_factory=Made)
    left: Left = field(default_factory=Left)
    gone: list[str] = field(default_factory=list)
    """What was to stay and is not there."""
    clean_after_seconds: float | None = None
    """Of a killed client: when nothing of it was left any more; None: something stayed."""
    again: ClientRun | None = None
    """Of a killed client: the run after it, under the same name."""
    problems: list[str] = field(default_factory=list)
    given_up: bool = False
    """The check was stopped before its end: nothing can be said of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the runs of every fault have in common."""

    bench: Workbench
    order: Order
    needs: Needs
    runs: int = 1
    together: bool = True
    """Whether runs may go on at the same time; not where the client's containers disturb each other
    by themselves."""
    on_ended: Callable[[], None] = lambda: None
    """Called as each run ends."""
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Once it is set no run begins, and those under way are given up."""

    def telling(self, on_ended: Callable[[], None]) -> Plan:
        """The same, with somebody else to tell."""
        return replace(self, on_ended=on_ended)


def positions_for(plan: Plan, fault: Fault) -> tuple[Position, ...]:
    """Where the fault can be put."""
    return tuple(position for position in plan.order.positions if can_stand(fault, position))


async def run_column(plan: Plan, fault: Fault) -> list[FaultRun]:
    """Run the client with the fault at each position; nothing of it is left then.

    Of a check that is stopped meanwhile, the runs that had ended.

    Raises:
        ContainerdError: the daemon does not answer.
    """
    todo = [
        (position, repetition)
        for repetition in range(1, plan.runs + 1)
        for position in positions_for(plan, fault)
    ]
    at_once = AT_ONCE.get(fault) if plan.together else None
    if at_once is None:
        return [
            trial
            for position, repetition in todo
            for trial in await _batch(plan, fault, [(position, repetition)], 1)
        ]
    return await _batch(plan, fault, todo, at_once)


async def _batch(
    plan: Plan, fault: Fault, todo: Sequence[tuple[Position, int]], at_once: int
) -> list[FaultRun]:
    """Run some at the same time, then look what they left, and remove it.

    Runs that were given up are not among those that come back.
    """
    if plan.stop.is_set():
        return []
    gate = asyncio.Semaphore(at_once)
    async with AsyncExitStack() as stack:

        async def one(position: Position, repetition: int) -> FaultRun | None:
            async with gate:
                if plan.stop.is_set():
                    return None
                trial = await _open(plan, fault, position, repetition, stack)
                trial.given_up = not await ended_before(plan.stop, _execute(plan, trial))
                if trial.given_up:
                    await trial.hook.settled()
                    trial.made = trial.run.made()
                else:
                    plan.on_ended()
                return trial

        async with task_group() as group:
            running = [group.create_task(one(*each)) for each in todo]
        trials = [trial for task in running if (trial := task.result()) is not None]
        if fault is Fault.CLIENT_KILLED:
            await _lifelines(plan, trials)
            await _again(plan, trials, stack, gate)
        else:
            await _look(plan, trials)
    for trial in trials:
        client = plan.bench.node.client
        trial.problems += await remove_left(client, trial.made, trial.run.id)
    await plan.bench.collect()
    return [trial for trial in trials if not trial.given_up]


async def ended_before(stop: asyncio.Event, work: Coroutine[Any, Any, object]) -> bool:
    """Await the work, or cancel it once ``stop`` is set: whether it came to its end.

    Raises:
        Exception: what the work raised, also on its way out.
    """
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            working.cancel()
            await asyncio.wait((working,))
    finally:
        stopping.cancel()
        working.cancel()
    if working.cancelled():
        return False
    working.result()
    return True


async def _open(
    plan: Plan, fault: Fault, position: Position, repetition: int, stack: AsyncExitStack
) -> FaultRun:
    hook = AtPosition(fault, position.number, plan.order, plan.needs)
    label = f"{fault}-{position.number}" + (f"-{repetition}" if plan.runs > 1 else "")
    run = await stack.enter_async_context(open_client_run(plan.bench, label, plan.order, hook=hook))
    hook.stand_in(run)
    return FaultRun(position, fault, repetition, hook, run)


async def _execute(plan: Plan, trial: FaultRun) -> None:
    more = _MORE_SECONDS.get(trial.fault, 0.0)
    if trial.fault is Fault.NEIGHBOUR:
        async with _neighbour(plan, trial):
            await trial.run.execute(more_seconds=more)
    else:
        await trial.run.execute(more_seconds=more)
    await trial.hook.settled()
    if trial.position.key is None:
        # After the last call, which no call can tell.
        trial.hook.reached = True
        await trial.hook.collect()
    trial.made = trial.run.made()


@asynccontextmanager
async def _neighbour(plan: Plan, trial: FaultRun) -> AsyncIterator[None]:
    """A second container of the client that stands at its own removal; removed at the end."""
    label = f"{trial.run.label}-neighbour"
    container_id = plan.bench.fresh_id()
    hook = Neighbour(plan.order, container_id)
    async with open_client_run(
        plan.bench, label, plan.order, container_id=container_id, hook=hook
    ) as run:
        running = asyncio.create_task(run.execute())
        standing = asyncio.create_task(hook.at_removal.wait())
        await asyncio.wait((running, standing), return_when=asyncio.FIRST_COMPLETED)
        trial.hook.neighbour = (hook, running)
        try:
            yield
        except BaseException:
            running.cancel()
            raise
        finally:
            hook.go_on.set()
            standing.cancel()
            await asyncio.wait((running,))
        running.result()
        await remove_left(plan.bench.node.client, run.made(), container_id)


async def _look(plan: Plan, trials: Sequence[FaultRun]) -> None:
    """What is left of each run after a collection, and what should be and is not."""
    await plan.bench.collect()
    client, address = plan.bench.node.client, plan.bench.node.address
    for trial in trials:
        trial.left = await left_by(client, address, trial.made, trial.run.id)
        if trial.run.ended is not None and trial.run.ended.status == 0:
            stays = plan.needs.for_good(trial.made)
            trial.gone = [thing.short for thing in await missing(client, stays)]


async def _lifelines(plan: Plan, trials: Sequence[FaultRun]) -> None:
    """Wait until the clients' own lifelines have removed what they remove."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    waiting = list(trials)
    while waiting:
        for trial in waiting:
            trial.made = trial.run.made()
        await _look(plan, waiting)
        waited = loop.time() - began
        for trial in waiting:
            if not trial.left.names:
                trial.clean_after_seconds = waited
        waiting = [trial for trial in waiting if trial.left.names]
        if waited > LIFELINE_SECONDS or plan.stop.is_set():
            return
        await asyncio.sleep(0.5)


async def _again(
    plan: Plan, trials: Sequence[FaultRun], stack: AsyncExitStack, gate: asyncio.Semaphore
) -> None:
    """Start each killed client once more under the name that it had."""

    async def one(trial: FaultRun) -> None:
        async with gate:
            if plan.stop.is_set():
                trial.given_up = True
                return
            again = await stack.enter_async_context(
                open_client_run(
                    plan.bench,
                    f"{trial.run.label}-again",
                    plan.order,
                    container_id=trial.run.id,
                )
            )
            trial.again = again
            trial.given_up = not await ended_before(plan.stop, again.execute())

    async with task_group() as group:
        for trial in trials:
            if trial.hook.reached:
                group.create_task(one(trial))
    client = plan.bench.node.client
    for trial in trials:
        if trial.again is not None:
            trial.problems += await remove_left(client, trial.again.made(), trial.run.id)


def expiry_words(left: Left) -> tuple[str, ...]:
    """What ends by itself, and in how long."""
    now = datetime.now(UTC)
    return tuple(
        f"a lease that ends by itself in {max((ends - now).total_seconds(), 0) / 3600:.1f} h"
        for _, ends in left.expiring
    )
