"""Runs a churn plan: carries out what the keep-alive pool decides, on real containers.

Each container's life is a trial. Between two arrivals it is idle, and a death is noticed then too:
at once, or in rounds, as the profile says.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from iluvatar_bench.errors import LifecycleError, Unreachable
from iluvatar_bench.host.set_within import set_within
from iluvatar_bench.host.task_group import task_group
from iluvatar_bench.lifecycle import Container
from iluvatar_bench.lifecycle.container import INVOKE_SECONDS
from iluvatar_bench.plans import Arrival, ChurnPlan, KeepAlivePool
from iluvatar_bench.plans.keep_alive import Evict, Launch, PoolAction, Serve
from iluvatar_bench.profiles import Profile
from iluvatar_bench.records import Trial
from iluvatar_bench.runs.arrival_book import ArrivalBook, ArrivalSink, OpenArrival
from iluvatar_bench.runs.idle_life import Given, IdleLife, Tenancy
from iluvatar_bench.runs.pool_log import PoolLog
from iluvatar_bench.runs.room import require_room
from iluvatar_bench.runs.runner import Sink, Stop
from iluvatar_bench.runs.standing import Standing
from iluvatar_bench.runs.trial import Life, Setting, live_trial

_STOP_POLL_SECONDS = 0.1


@dataclass(slots=True, kw_only=True)
class PoolWorker:
    """A worker with a keep-alive pool, for one run of one plan. :meth:`run` may be called once.

    ``settings`` has one entry for each function of the plan, all of one profile. A sink that raises
    ends the run.
    """

    settings: Mapping[str, Setting]
    plan: ChurnPlan
    sinks: tuple[Sink, ...]
    arrival_sinks: tuple[ArrivalSink, ...]
    log: PoolLog
    so_far: Standing = field(default_factory=Standing)
    """Where the plan is taken up; by default at its beginning."""
    _pool: KeepAlivePool = field(init=False)
    _book: ArrivalBook = field(init=False)
    _idle: IdleLife = field(init=False)
    _wanted: Mapping[str, Mapping[str, int]] = field(init=False)
    """What the requests for a function ask of it, where that is known."""
    _group: asyncio.TaskGroup = field(init=False)
    _tenancies: dict[int, Tenancy] = field(init=False, default_factory=dict)
    _stopped: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _sink_error: Exception | None = field(init=False, default=None)
    _began: float = field(init=False, default=0.0)
    _ahead_ms: float = field(init=False, default=0.0)
    """How long it took to start what is started ahead of any arrival: the plan begins then."""

    def __post_init__(self) -> None:
        setting = next(iter(self.settings.values()))
        profile = setting.profile
        self._pool = KeepAlivePool(
            budget_mib=self.plan.budget_mib,
            memory_mib=self.plan.memory_mib,
            first_container=self.so_far.next_container,
            eviction=profile.eviction,
            parallel=profile.invoke_parallel,
        )
        self._book = ArrivalBook(
            run_id=setting.run_id,
            sinks=self.arrival_sinks,
            retries=profile.retry,
            in_rounds=profile.health == "invoke",
            now_ms=self._now_ms,
        )
        self._wanted = {
            one.name: {"duration_ms": one.duration_ms, "memory_mib": one.memory_mib}
            for one in self.plan.functions
            if one.duration_ms is not None
        }
        self._idle = IdleLife(
            settings=self.settings,
            keep_ms=self.plan.keep_alive_ms,
            leaves=self._leaves_pool,
        )

    @property
    def _profile(self) -> Profile:
        return next(iter(self.settings.values())).profile

    async def run(self, stop: Stop | None = None) -> None:
        """Submit every arrival that has not ended, see each to its end, then remove what is idle.

        After ``stop`` is set, or containerd is lost, nothing is submitted, what waits for memory or
        for a container is dropped, and what is being served is finished.
        """
        self._began = time.monotonic() - self.so_far.clock_ms / 1000
        if self.so_far != Standing():
            self._note("resume")
        async with task_group() as self._group:
            watch = self._group.create_task(self._watch(stop))
            await self._start_ahead()
            if self.plan.clients is None:
                await self._submit_on_schedule()
            else:
                waiting = iter(self._arrivals)
                async with task_group() as clients:
                    for _ in range(self.plan.clients):
                        clients.create_task(self._client(waiting))
            while unanswered := self._book.unanswered:
                await asyncio.wait(unanswered)
            watch.cancel()
            for evicted in self._pool.empty():
                self._hand_over(evicted.container, None)
                self._note("close", evicted.container)

    async def _start_ahead(self) -> None:
        """Start what the profile wants before any arrival, as far as the budget has room."""
        began = time.monotonic()
        for function in self.plan.memory_mib:
            for _ in range(self._profile.prewarm):
                self._carry_out("prewarm", None, self._pool.prewarm(function))
        if self._tenancies:
            await asyncio.wait([tenancy.settled for tenancy in self._tenancies.values()])
            self._ahead_ms = (time.monotonic() - began) * 1000

    @property
    def _arrivals(self) -> tuple[Arrival, ...]:
        return tuple(a for a in self.plan.arrivals if a.index not in self.so_far.ended)

    async def _watch(self, stop: Stop | None) -> None:
        while not self._ends_early(stop):  # noqa: ASYNC110  (it can only be asked)
            await asyncio.sleep(_STOP_POLL_SECONDS)
        self._stopped.set()
        with self._kept_as_sink_error():
            for number in self._pool.drop_waiting():
                self._book.dropped(number)
        self._note("drop")

    def _ends_early(self, stop: Stop | None) -> bool:
        if stop is not None and stop.is_set():
            return True
        return any(one.daemon is not None and one.daemon.lost for one in self.settings.values())

    async def _submit_on_schedule(self) -> None:
        for arrival in self._arrivals:
            planned = self._planned_ms(arrival)
            assert planned is not None
            left = planned / 1000 - (time.monotonic() - self._began)
            if left > 0:
                await set_within(self._stopped, left)
            else:
                # Behind schedule: submit at once, but let the others have their turn.
                await asyncio.sleep(0)
            if self._stopped.is_set():
                return
            self._submit(arrival)

    def _planned_ms(self, arrival: Arrival) -> float | None:
        return None if arrival.at_ms is None else arrival.at_ms + self._ahead_ms

    async def _client(self, waiting: Iterator[Arrival]) -> None:
        for arrival in waiting:
            if self._stopped.is_set():
                return
            await self._submit(arrival).ended

    def _submit(self, arrival: Arrival) -> OpenArrival:
        opened = self._book.submit(arrival, planned_at_ms=self._planned_ms(arrival))
        self._carry_out("arrive", None, self._pool.arrive(arrival.index, arrival.function))
        return opened

    def _carry_out(self, event: str, container: int | None, decisions: list[PoolAction]) -> None:
        self._note(event, container)
        for decision in decisions:
            match decision:
                case Launch(number, function, arrival):
                    if arrival is not None:
                        self._book.begin(arrival, "cold")
                    self._tenancies[number] = tenancy = Tenancy(first=arrival)
                    self._group.create_task(self._live(number, function, tenancy))
                    self._note("launch", number)
                case Serve(number, arrival):
                    self._book.begin(arrival, "warm")
                    self._hand_over(number, arrival)
                    self._note("serve", number)
                case Evict(number):
                    self._hand_over(number, None)
                    self._note("evict", number)

    def _hand_over(self, container: int, arrival: int | None) -> None:
        self._tenancies[container].given.put_nowait(arrival)

    async def _live(self, number: int, function: str, tenancy: Tenancy) -> None:
        async def live(container: Container) -> None:
            tenancy.lives = True
            tenancy.settled.set_result(None)
            await self._occupy(number, function, tenancy, container)

        trial = await self._trial(number, function, live)
        if not tenancy.settled.done():
            tenancy.settled.set_result(None)
        if trial is None:
            # Containerd is lost, and nobody had asked it for this container.
            self._stopped.set()
            if tenancy.first is not None:
                with self._kept_as_sink_error():
                    self._book.dropped(tenancy.first)
        else:
            for sink in self.sinks:
                sink(trial)
            require_room(self.settings[function].node, trial)
            if not tenancy.lives and tenancy.first is not None:
                self._fail(tenancy.first, number)
            with self._kept_as_sink_error():
                self._book.judged(trial)
        del self._tenancies[number]
        self._carry_out("gone", number, self._pool.gone(number))

    async def _trial(self, number: int, function: str, live: Life) -> Trial | None:
        """The life of one container, begun once containerd is there; None where it is lost."""
        setting = self.settings[function]
        while setting.daemon is None or await setting.daemon.wait_serving():
            try:
                # It may live as long as its run: each step of its life has a deadline of its own.
                trial = await live_trial(
                    setting, live, index=number, function=function, seconds=None
                )
                if self._sink_error is not None:
                    raise self._sink_error
                return trial
            except Unreachable:
                if setting.daemon is None:
                    raise
                setting.daemon.suspect()
        return None

    async def _occupy(
        self, number: int, function: str, tenancy: Tenancy, container: Container
    ) -> None:
        """Serve what is given, and be idle in between, until it is to be removed.

        An arrival that fails is given to another container at once, if the profile says so.
        """
        serving: dict[asyncio.Task[None], int] = {}
        next_one = asyncio.ensure_future(tenancy.given.get())
        try:
            if tenancy.first is not None:
                serving[self._serving(number, tenancy.first, container)] = tenancy.first
                if self._profile.invoke_parallel > 1:
                    self._carry_out("ready", number, self._pool.ready(number))
            else:
                self._carry_out("release", number, self._pool.release(number))
            while True:
                if serving:
                    await asyncio.wait({next_one, *serving}, return_when=asyncio.FIRST_COMPLETED)
                    for done in [task for task in serving if task.done()]:
                        self._served(number, tenancy, done, serving.pop(done))
                else:
                    await self._idle.wait_given(number, function, tenancy, container, next_one)
                if next_one.done():
                    given = next_one.result()
                    if given is None:
                        break
                    serving[self._serving(number, given, container)] = given
                    next_one = asyncio.ensure_future(tenancy.given.get())
            if tenancy.unhealthy is not None:
                raise tenancy.unhealthy
        except BaseException as error:
            # Cancelled as well, which is how a time limit ends it. Before anything is awaited: no
            # arrival may be given to the dead.
            self._pool.withdraw(number)
            self._leaves_pool(number, "dead")
            if serving and isinstance(error, Exception):
                # Whoever is served beside it may still have a good answer.
                await asyncio.wait(serving)
            self._fail_left(number, tenancy, serving, next_one)
            raise
        finally:
            next_one.cancel()
            for task in serving:
                task.cancel()

    def _fail_left(
        self,
        number: int,
        tenancy: Tenancy,
        serving: Mapping[asyncio.Task[None], int],
        next_one: Given,
    ) -> None:
        """Fail what a container was given and has no good answer to."""
        left = [
            arrival
            for task, arrival in serving.items()
            if not task.done() or task.cancelled() or task.exception() is not None
        ]
        given = [next_one.result()] if next_one.done() and not next_one.cancelled() else []
        while not tenancy.given.empty():
            given.append(tenancy.given.get_nowait())
        for arrival in (*left, *(one for one in given if one is not None)):
            self._fail(arrival, number)

    def _serving(self, number: int, arrival: int, container: Container) -> asyncio.Task[None]:
        return asyncio.ensure_future(self._serve(number, arrival, container))

    async def _serve(self, number: int, arrival: int, container: Container) -> None:
        function = self._book.function(arrival)
        invoker = self.settings[function].invoker
        assert invoker is not None
        wanted = self._wanted.get(function, {})
        invocation = await container.invoke(
            invoker,
            {"name": str(arrival), **wanted},
            timeout_seconds=INVOKE_SECONDS + wanted.get("duration_ms", 0) / 1000,
        )
        with self._kept_as_sink_error():
            self._book.served(
                arrival,
                container=number,
                container_id=container.id,
                invoke_ms=invocation.duration_ms,
            )
        # Before its client can ask for more: that is to find the container idle.
        self._carry_out("release", number, self._pool.release(number))

    def _served(
        self, number: int, tenancy: Tenancy, done: asyncio.Task[None], arrival: int
    ) -> None:
        """What comes of an invocation that failed: with rounds the container is marked, and stays
        in the pool until the next one; without it is of no use from now on."""
        error = done.exception()
        if self._sink_error is not None:
            raise self._sink_error
        if error is None:
            return
        if self._profile.health == "invoke" and isinstance(error, LifecycleError):
            tenancy.unhealthy = tenancy.unhealthy or error
            self._fail(arrival, number)
            self._carry_out("release", number, self._pool.release(number))
            return
        self._pool.withdraw(number)
        self._fail(arrival, number)
        raise error

    def _fail(self, arrival: int, container: int) -> None:
        """An arrival that a container failed: once more, if the profile says so."""
        with self._kept_as_sink_error():
            again = self._book.failed(
                arrival, container=container, again=not self._stopped.is_set()
            )
        if again:
            function = self._book.function(arrival)
            avoid = self._book.failed_by(arrival)
            self._carry_out("retry", None, self._pool.arrive(arrival, function, avoid=avoid))

    def _leaves_pool(self, number: int, why: str) -> bool:
        """Take an idle container out of the pool; False where it is not idle (any more)."""
        if number not in self._pool.idle:
            return False
        self._pool.retire(number)
        self._note(why, number)
        return True

    def _note(self, event: str, container: int | None = None) -> None:
        at_ms = self._now_ms()
        with self._kept_as_sink_error():
            self.log.note(event, self._pool.occupancy, at_ms=at_ms, container=container)

    @contextmanager
    def _kept_as_sink_error(self) -> Iterator[None]:
        """What fails here may be within a trial, which takes it for an error of its own."""
        try:
            yield
        except Exception as error:
            self._sink_error = error
            raise

    def _now_ms(self) -> float:
        return (time.monotonic() - self._began) * 1000
