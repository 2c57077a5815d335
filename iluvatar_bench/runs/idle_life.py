"""A pool's container between two arrivals: kept running or paused, watched or asked in rounds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from iluvatar_bench.errors import LifecycleError
from iluvatar_bench.lifecycle import Container
from iluvatar_bench.lifecycle.cgroup_requests import pause_container, resume_container
from iluvatar_bench.runs.trial import Setting

ROUND_SECONDS = 1.0
"""How often a worker with ``health=invoke`` invokes what is idle."""

Given = asyncio.Future[int | None]


def _future() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


@dataclass(slots=True)
class Tenancy:
    """What a container of the pool is given: arrivals by their numbers, and None to be removed.

    ``first`` is what it was launched for (None: ahead of any arrival), ``settled`` done once it is
    ready or was never to be, and ``lives`` set from ready on. ``unhealthy`` is the first error of
    one that is to go in the next round.
    """

    first: int | None
    given: asyncio.Queue[int | None] = field(default_factory=asyncio.Queue)
    settled: asyncio.Future[None] = field(default_factory=_future)
    lives: bool = False
    unhealthy: LifecycleError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleLife:
    """How the idle containers of one pool are kept, for ``keep_ms`` at most (None: for ever).

    ``leaves`` takes one out of the pool, and is told why; False: it has been given something in
    this very moment.
    """

    settings: Mapping[str, Setting]
    keep_ms: int | None
    leaves: Callable[[int, str], bool]

    async def wait_given(
        self, number: int, function: str, tenancy: Tenancy, container: Container, given: Given
    ) -> None:
        """Return once ``given`` is done; where it was kept for its time, that comes of it too.

        Raises:
            ProcessDied: it has ended meanwhile, and the pool watches for that.
            LifecycleError: it failed before this round.
            ContainerdError: it could not be paused or resumed.
        """
        setting = self.settings[function]
        nothing_to_do = not given.done() and tenancy.given.empty()
        if setting.profile.keep_alive == "paused" and nothing_to_do:
            await pause_container(container)
        end = None if self.keep_ms is None else time.monotonic() + self.keep_ms / 1000
        if setting.profile.health == "invoke":
            await self._wait_in_rounds(number, setting, tenancy, container, given, end)
        else:
            await container.stay_alive(_left(end), until=given)
        if not given.done():
            if self.leaves(number, "expire"):
                tenancy.given.put_nowait(None)
            await given
        if container.progress.paused and given.result() is not None:
            await resume_container(container)

    async def _wait_in_rounds(
        self,
        number: int,
        setting: Setting,
        tenancy: Tenancy,
        container: Container,
        given: Given,
        end: float | None,
    ) -> None:
        """Wait without a look at the container but in each round: nobody awaits its exit."""
        container.progress.begin("alive")
        while not given.done() and (end is None or time.monotonic() < end):
            now = time.monotonic()
            next_round = (now // ROUND_SECONDS + 1) * ROUND_SECONDS
            until = next_round if end is None else min(next_round, end)
            await asyncio.wait({given}, timeout=until - now)
            if given.done() or until != next_round:
                return
            if tenancy.unhealthy is None:
                tenancy.unhealthy = await self._ask(setting, container)
            elif self.leaves(number, "unhealthy"):
                raise tenancy.unhealthy

    async def _ask(self, setting: Setting, container: Container) -> LifecycleError | None:
        """Invoke the function once, as the worker does; the error where it is not well."""
        assert setting.invoker is not None
        was_paused = container.progress.paused
        try:
            if was_paused:
                await resume_container(container)
            await container.invoke(setting.invoker, {"name": "health"})
            if was_paused:
                await pause_container(container)
        except LifecycleError as error:
            return error
        return None


def _left(end: float | None) -> float | None:
    return None if end is None else max(0.0, end - time.monotonic())
