"""Has jobs run on the workers of a scheduler: hands out, takes back what is lost, gives up.

A job is whatever a worker can be asked for: a cell of a sweep, a point of a notebook's grid. Who
runs what next is decided here (:class:`Dispatch`); Dask carries it there and back, and says which
workers there are.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from iluvatar_bench.batch.sweep.dispatch import MOST_LOSSES, Dispatch, JobT, dealt_blocks
from iluvatar_bench.batch.sweep.job_outcome import JobEnd, JobOutcome
from iluvatar_bench.batch.sweep.scheduler_link import JobLost, SchedulerLink, SweepWorker
from iluvatar_bench.batch.sweep.workers_seen import BACK_SECONDS, LOOK_SECONDS, Say, WorkersSeen
from iluvatar_bench.count_words import count_of
from iluvatar_bench.errors import NoScheduler

HOST_SECONDS = 30.0
"""A host without a worker is waited for so long, then others run its jobs."""

GIVE_UP_SECONDS = 30.0
"""Jobs that are given up have so long to remove what they started."""


@dataclass(frozen=True, slots=True)
class EndedJob(Generic[JobT]):
    """A job that ended: on which host (empty: on none), how, and how many workers it cost."""

    job: JobT
    host: str
    outcome: JobOutcome
    losses: int


@dataclass(frozen=True, slots=True)
class _Flight(Generic[JobT]):
    """A job that runs, and where."""

    job: JobT
    worker: SweepWorker


class Drive(Generic[JobT]):
    """Jobs under way on the workers that were ``seen``, which have been looked at once.

    ``submit`` has a worker run a job, ``keep`` writes down what became of it, ``say`` is told a
    line for people. After ``stop`` is set no job is begun.
    """

    def __init__(
        self,
        link: SchedulerLink,
        seen: WorkersSeen,
        *,
        submit: Callable[[JobT, SweepWorker], Awaitable[JobOutcome]],
        keep: Callable[[EndedJob[JobT]], Awaitable[None]],
        say: Say,
        stop: asyncio.Event,
    ) -> None:
        self._link, self._seen = link, seen
        self._submit, self._keep = submit, keep
        self._say, self._stop = say, stop
        self._dispatch: Dispatch[JobT] = Dispatch({})
        self._flights: dict[asyncio.Future[JobOutcome], _Flight[JobT]] = {}
        self._last_worker: dict[str, float] = {}
        """When each host that is given jobs was last seen with a worker."""
        self._refusals: dict[str, str] = {}
        """Why a host could not run a job, by the job's id: the last one's reason."""

    async def run(
        self, blocks: Sequence[Sequence[JobT]], *, order_seed: int, homes: Sequence[str | None] = ()
    ) -> None:
        """Until every job has ended, or ``stop`` was set and those that ran have.

        ``homes`` are the hosts on which blocks were begun before, a place a block; without them
        none was. Cancelled, it gives up the jobs that run.

        Raises:
            NoScheduler: no worker that can be given jobs came back in time.
        """
        hosts = {worker.host for worker in self._seen.usable.values()}
        if len(blocks) < len(hosts):
            self._say(
                f"{len(hosts)} hosts and {count_of(len(blocks), 'block')}: a block stays on one "
                "host, so some hosts have nothing to do"
            )
        dealt = dealt_blocks(blocks, hosts, homes=homes, order_seed=order_seed)
        self._dispatch = Dispatch(dealt)
        try:
            await self._until_all_ended()
        except BaseException:
            # Ctrl-C once more, a disk that is full: nobody waits for what runs.
            await self._give_up_flights()
            raise

    async def _until_all_ended(self) -> None:
        last_use = time.monotonic()
        while True:
            self._move_from_gone_hosts()
            if not self._stop.is_set():
                self._hand_out()
            if not self._flights and (self._stop.is_set() or not self._dispatch.left):
                return
            if self._seen.usable or self._flights:
                last_use = time.monotonic()
            elif time.monotonic() > last_use + BACK_SECONDS:
                raise NoScheduler(
                    f"no worker that can be given any has come back within {BACK_SECONDS:g} s; "
                    f"{count_of(self._dispatch.left, 'job')} left: --resume goes on"
                )
            await self._wait()
            await self._collect()
            await self._seen.look(self._stop)
            await self._take_back_lost()
            await self._give_up_impossible()

    async def _wait(self) -> None:
        """For the end of a job, the wish to stop, or the time to look at the workers."""
        wish = asyncio.ensure_future(self._stop.wait())
        waited: set[asyncio.Future[Any]] = {*self._flights}
        if not self._stop.is_set():
            waited.add(wish)
        try:
            await asyncio.wait(waited, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            wish.cancel()

    def _hand_out(self) -> None:
        busy = Counter(flight.worker.address for flight in self._flights.values())
        for address, worker in self._seen.usable.items():
            while busy[address] < worker.slots:
                job = self._dispatch.next_job(worker.host)
                if job is None:
                    break
                task = asyncio.ensure_future(self._submit(job, worker))
                self._flights[task] = _Flight(job, worker)
                busy[address] += 1

    def _move_from_gone_hosts(self) -> None:
        now = time.monotonic()
        hosts = {worker.host for worker in self._seen.usable.values()}
        self._last_worker |= dict.fromkeys(hosts, now)
        # While no host has a worker there is nobody to move anything to.
        gone = [host for host, last in self._last_worker.items() if now > last + HOST_SECONDS]
        for host in gone if hosts else ():
            del self._last_worker[host]
            moved = self._dispatch.host_gone(host)
            if moved:
                told = count_of(moved, "job")
                self._say(f"host {host} has no worker any more: {told} for others")

    async def _take_back_lost(self) -> None:
        for task, flight in list(self._flights.items()):
            if not task.done() and not self._seen.is_present(flight.worker):
                task.cancel()
                await self._lost(task)

    async def _lost(self, task: asyncio.Future[JobOutcome]) -> None:
        flight = self._flights.pop(task)
        if self._dispatch.lost(flight.job, flight.worker.host):
            self._say(f"worker {flight.worker.address} is lost: {flight.job.told} is run again")
            return
        told = f"{MOST_LOSSES} workers were lost with it"
        await self._end(flight.job, flight.worker.host, _failed(told))

    async def _give_up_impossible(self) -> None:
        for job in self._dispatch.impossible(self._last_worker):
            told = f"no host that is left can run it: {self._refusals[job.id]}"
            await self._end(job, "", JobOutcome(end=JobEnd.UNFIT, error=told))

    async def _collect(self) -> None:
        for task in [task for task in self._flights if task.done()]:
            error = task.exception()
            if isinstance(error, JobLost):
                await self._lost(task)
                continue
            if error is None and task.result().end is JobEnd.GIVEN_UP:
                # By its worker, which was told to end.
                await self._lost(task)
                continue
            flight = self._flights.pop(task)
            told = " ".join(repr(error).split())
            outcome = task.result() if error is None else _failed(told)
            if outcome.end in (JobEnd.UNFIT, JobEnd.UNFIT_HOST):
                self._refused(flight, outcome)
            else:
                await self._end(flight.job, flight.worker.host, outcome)

    def _refused(self, flight: _Flight[JobT], outcome: JobOutcome) -> None:
        """The host lacks something: the job goes elsewhere, or all that the host was to run."""
        host = flight.worker.host
        self._dispatch.refused(flight.job, host)
        self._refusals[flight.job.id] = str(outcome.error)
        if outcome.end is JobEnd.UNFIT:
            self._say(f"host {host} cannot run {flight.job.told}: {outcome.error}")
            return
        self._seen.refuse_host(host, str(outcome.error))
        self._dispatch.host_gone(host)
        self._last_worker.pop(host, None)

    async def _end(self, job: JobT, host: str, outcome: JobOutcome) -> None:
        await self._keep(EndedJob(job, host, outcome, self._dispatch.losses_of(job)))

    async def _give_up_flights(self) -> None:
        flights = list(self._flights.values())
        if not flights:
            return
        try:
            await self._link.give_up(
                [flight.job.id for flight in flights], {f.worker.address for f in flights}
            )
            await asyncio.wait(self._flights, timeout=GIVE_UP_SECONDS)
        except NoScheduler:
            # A worker that is gone has let go of its jobs, which is the same to them.
            return


def _failed(told: str) -> JobOutcome:
    return JobOutcome(end=JobEnd.FAILED, error=told)
