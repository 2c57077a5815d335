"""Runs a churn plan: carries out what the keep-alive pool decides, on real containers.

Each container's life is a trial. Between two arrivals it is idle, and a death is noticed then too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from iluvatar_bench.errors import Unreachable
from iluvatar_bench.host.task_group import task_group
from iluvatar_bench.lifecycle import Container
from iluvatar_bench.plans import Arrival, ChurnPlan, KeepAlivePool
from iluvatar_bench.plans.keep_alive import Evict, Launch, PoolAction, Serve
from iluvatar_bench.records import ArrivalOutcome, ArrivalRecord, Outcome, Trial
from iluvatar_bench.runs.pool_log import PoolLog
from iluvatar_bench.runs.room import require_room
from iluvatar_bench.runs.runner import Sink, Stop
from iluvatar_bench.runs.standing import Standing
from iluvatar_bench.runs.trial import Life, Setting, live_trial

ArrivalSink = Callable[[ArrivalRecord], None]

_STOP_POLL_SECONDS = 0.1


@dataclass(slots=True)
class _Open:
    """An arrival that was submitted and has not ended; times from the workload's start, in ms."""

    arrival: Arrival
    submitted_at: str
    submitted_at_ms: float
    ended: asyncio.Future[None]
    start: str | None = None
    begun_at_ms: float | None = None


@dataclass(slots=True)
class _Tenancy:
    """What a live container serves now, or else the future of what it serves next."""

    serving: _Open | None
    next: asyncio.Future[_Open | None] | None = None
    """None as its result: to be removed."""


@dataclass(slots=True, kw_only=True)
class PoolWorker:
    """A worker with a keep-alive pool, for one run of one plan. :meth:`run` may be called once.

    ``settings`` has one entry for each function of the plan. A sink that raises ends the run.
    """

    settings: Mapping[str, Setting]
    plan: ChurnPlan
    sinks: tuple[Sink, ...]
    arrival_sinks: tuple[ArrivalSink, ...]
    log: PoolLog
    so_far: Standing = field(default_factory=Standing)
    """Where the plan is taken up; by default at its beginning."""
    _pool: KeepAlivePool = field(init=False)
    _group: asyncio.TaskGroup = field(init=False)
    _open: dict[int, _Open] = field(init=False, default_factory=dict)
    _tenancies: dict[int, _Tenancy] = field(init=False, default_factory=dict)
    _stopped: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _sink_error: Exception | None = field(init=False, default=None)
    _began: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._pool = KeepAlivePool(
            budget_mib=self.plan.budget_mib,
            memory_mib=self.plan.memory_mib,
            first_container=self.so_far.next_container,
        )

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
            if self.plan.clients is None:
                await self._submit_on_schedule()
            else:
                waiting = iter(self._arrivals)
                async with task_group() as clients:
                    for _ in range(self.plan.clients):
                        clients.create_task(self._client(waiting))
            while self._open:
                await asyncio.wait([one.ended for one in self._open.values()])
            watch.cancel()
            for evicted in self._pool.empty():
                self._hand_over(evicted.container, None)
                self._note("close", evicted.container)

    @property
    def _arrivals(self) -> tuple[Arrival, ...]:
        return tuple(a for a in self.plan.arrivals if a.index not in self.so_far.ended)

    async def _watch(self, stop: Stop | None) -> None:
        while not self._ends_early(stop):  # noqa: ASYNC110  (it can only be asked)
            await asyncio.sleep(_STOP_POLL_SECONDS)
        self._stopped.set()
        for number in self._pool.drop_waiting():
            self._end(self._open[number], ArrivalOutcome.DROPPED)
        self._note("drop")

    def _ends_early(self, stop: Stop | None) -> bool:
        if stop is not None and stop.is_set():
            return True
        return any(one.daemon is not None and one.daemon.lost for one in self.settings.values())

    async def _submit_on_schedule(self) -> None:
        for arrival in self._arrivals:
            assert arrival.at_ms is not None
            left = arrival.at_ms / 1000 - (time.monotonic() - self._began)
            if left > 0:
                try:
                    await asyncio.wait_for(self._stopped.wait(), timeout=left)
                except TimeoutError:
                    pass
            else:
                # Behind schedule: submit at once, but let the others have their turn.
                await asyncio.sleep(0)
            if self._stopped.is_set():
                return
            self._submit(arrival)

    async def _client(self, waiting: Iterator[Arrival]) -> None:
        for arrival in waiting:
            if self._stopped.is_set():
                return
            await self._submit(arrival).ended

    def _submit(self, arrival: Arrival) -> _Open:
        opened = _Open(
            arrival=arrival,
            submitted_at=datetime.now(UTC).isoformat(),
            submitted_at_ms=self._now_ms(),
            ended=asyncio.get_running_loop().create_future(),
        )
        self._open[arrival.index] = opened
        self._carry_out("arrive", None, self._pool.arrive(arrival.index, arrival.function))
        return opened

    def _carry_out(self, event: str, container: int | None, decisions: list[PoolAction]) -> None:
        self._note(event, container)
        for decision in decisions:
            match decision:
                case Launch(number, function, arrival):
                    tenancy = _Tenancy(serving=self._begin(arrival, "cold"))
                    self._tenancies[number] = tenancy
                    self._group.create_task(self._live(number, function, tenancy))
                    self._note("launch", number)
                case Serve(number, arrival):
                    self._hand_over(number, self._begin(arrival, "warm"))
                    self._note("serve", number)
                case Evict(number):
                    self._hand_over(number, None)
                    self._note("evict", number)

    def _begin(self, number: int, start: str) -> _Open:
        opened = self._open[number]
        opened.start = start
        opened.begun_at_ms = self._now_ms()
        return opened

    def _hand_over(self, container: int, opened: _Open | None) -> None:
        awaited = self._tenancies[container].next
        assert awaited is not None
        awaited.set_result(opened)

    async def _live(self, number: int, function: str, tenancy: _Tenancy) -> None:
        async def live(container: Container) -> None:
            while tenancy.serving is not None:
                await self._serve(number, tenancy.serving, container)
                tenancy.serving = await self._stay_idle(number, tenancy, container)

        trial = await self._trial(number, function, live)
        if trial is None:
            # Containerd is lost, and nobody had asked it for this container.
            assert tenancy.serving is not None
            self._stopped.set()
            self._end(tenancy.serving, ArrivalOutcome.DROPPED)
            tenancy.serving = None
        else:
            for sink in self.sinks:
                sink(trial)
            require_room(self.settings[function].node, trial)
        if trial is not None and tenancy.serving is not None:
            self._end_with(trial, tenancy.serving)
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

    async def _serve(self, number: int, opened: _Open, container: Container) -> None:
        invoker = self.settings[opened.arrival.function].invoker
        assert invoker is not None
        invocation = await container.invoke(invoker, {"name": str(opened.arrival.index)})
        arrival = opened.arrival
        since = opened.submitted_at_ms if arrival.at_ms is None else arrival.at_ms
        self._end(
            opened,
            ArrivalOutcome.OK,
            trial=number,
            container_id=container.id,
            invoke_ms=invocation.duration_ms,
            latency_ms=self._now_ms() - since,
        )

    async def _stay_idle(
        self, number: int, tenancy: _Tenancy, container: Container
    ) -> _Open | None:
        tenancy.serving = None
        tenancy.next = asyncio.get_running_loop().create_future()
        self._carry_out("release", number, self._pool.release(number))
        keep_ms = self.plan.keep_alive_ms
        try:
            await container.stay_alive(
                None if keep_ms is None else keep_ms / 1000, until=tenancy.next
            )
        except BaseException:
            # Cancelled as well, which is how a time limit ends it. At once, before anything is
            # awaited: no arrival may be given to the dead.
            if tenancy.next.done():
                tenancy.serving = tenancy.next.result()
            else:
                self._pool.retire(number)
                self._note("dead", number)
            raise
        if not tenancy.next.done():
            self._pool.retire(number)
            self._note("expire", number)
            return None
        return tenancy.next.result()

    def _end_with(self, trial: Trial, opened: _Open) -> None:
        """End the arrival that a container failed to serve."""
        failed = trial.outcome is Outcome.FAILED
        self._end(
            opened,
            ArrivalOutcome.FAILED if failed else ArrivalOutcome.UNKNOWN,
            trial=trial.trial,
            container_id=trial.container_id,
            bug_class=trial.bug_class,
        )

    def _end(self, opened: _Open, outcome: ArrivalOutcome, **found: Any) -> None:
        arrival = opened.arrival
        planned, begun = arrival.at_ms, opened.begun_at_ms
        record = ArrivalRecord(
            run_id=next(iter(self.settings.values())).run_id,
            arrival=arrival.index,
            function=arrival.function,
            planned_at_ms=planned,
            submitted_at=opened.submitted_at,
            submitted_at_ms=opened.submitted_at_ms,
            lateness_ms=None if planned is None else opened.submitted_at_ms - planned,
            queue_ms=None if begun is None else begun - opened.submitted_at_ms,
            start=opened.start,
            outcome=outcome,
            **found,
        )
        with self._kept_as_sink_error():
            for sink in self.arrival_sinks:
                sink(record)
        del self._open[arrival.index]
        opened.ended.set_result(None)

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
