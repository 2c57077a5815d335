"""The workers behind a scheduler: which may be given jobs, which not, and why."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from iluvatar_bench.batch.sweep.differences import unequal_versions
from iluvatar_bench.batch.sweep.scheduler_link import RESOURCE, SchedulerLink, SweepWorker
from iluvatar_bench.batch.sweep.worker_side import WorkerFacts
from iluvatar_bench.errors import EnvironmentProblem, NoScheduler

LOOK_SECONDS = 1.0
"""So often the workers are looked at; the end of a job is heard of at once."""

BACK_SECONDS = 120.0
"""A scheduler, or any worker, is waited for so long once there is none."""

Say = Callable[[str], None]


class WorkersSeen:
    """Looks at each worker once, when it comes. ``say`` is told of those that are given no jobs.

    ``versions`` are those of this side. ``host_facts`` are those of every host that was given jobs,
    by the address that it has.
    """

    def __init__(self, link: SchedulerLink, *, versions: dict[str, str], say: Say) -> None:
        self._link, self._versions, self._say = link, versions, say
        self._present: dict[str, SweepWorker] = {}
        self._known: set[str] = set()
        self._useless: set[str] = set()
        self._unfit: set[str] = set()
        self.host_facts: dict[str, dict[str, Any]] = {}

    @property
    def usable(self) -> dict[str, SweepWorker]:
        """Those that may be given jobs, as of the last look."""
        return {
            address: worker
            for address, worker in self._present.items()
            if address in self._known and worker.host not in self._unfit
        }

    def is_present(self, worker: SweepWorker) -> bool:
        """Whether it was there at the last look."""
        return worker.address in self._present

    async def look_first(self) -> None:
        """Look at all that are there at the beginning, and compare all versions.

        Raises:
            NoScheduler: none of them may be given jobs, or the scheduler is gone.
            EnvironmentProblem: a version differs.
        """
        versions: dict[str, dict[str, str]] = {
            "the scheduler": await self._link.scheduler_versions()
        }
        self._present = await self._link.workers()
        facts = await self._facts_of(set(self._present))
        for address, found in facts.items():
            if isinstance(found, WorkerFacts):
                versions[address] = found.versions
        if unequal := unequal_versions(self._versions, versions):
            raise EnvironmentProblem(f"versions must match: {unequal}")
        self._judge(facts)
        if not self.usable:
            raise NoScheduler(
                f"no worker there advertises the resource {RESOURCE!r} and can run containers: "
                f"dask worker ADDRESS --nthreads 1 --resources {RESOURCE}=1"
            )

    async def look(self, stop: asyncio.Event) -> None:
        """Look again. A scheduler that is gone is waited for, and then nobody is there.

        Raises:
            NoScheduler: it does not come back in time, or every host turned out to be unfit.
        """
        try:
            self._present = await self._link.workers()
            # Whoever comes back under an address that he had may be another version.
            self._known &= self._present.keys()
            self._useless &= self._present.keys()
            new = self._present.keys() - self._known - self._useless
            self._judge(await self._facts_of(new))
        except NoScheduler:
            self._present = {}
            await self._wait_for_scheduler(stop)
            return
        hosts = {worker.host for worker in self._present.values()}
        if hosts and hosts <= self._unfit:
            raise NoScheduler("no host is left that can run containers; --resume goes on")

    def refuse_host(self, host: str, why: str) -> None:
        """The host is given no jobs from here on."""
        self._unfit.add(host)
        self._say(f"host {host} is given no jobs any more: {why}")

    def hostname(self, host: str) -> str:
        """What the host calls itself."""
        return str(self.host_facts.get(host, {}).get("hostname", host))

    async def _facts_of(self, addresses: set[str]) -> dict[str, WorkerFacts | Exception | None]:
        """None: it does not advertise that it takes jobs, and is not asked."""
        asked = [address for address in addresses if self._present[address].slots]
        return {**dict.fromkeys(addresses), **await self._link.facts(asked)}

    def _judge(self, facts: dict[str, WorkerFacts | Exception | None]) -> None:
        """Decide which workers that have come may be given jobs, and say why not."""
        for address, found in facts.items():
            host = self._present[address].host
            problem = self._problem(host, found)
            if problem is not None:
                self._useless.add(address)
                self._say(f"worker {address} is given no jobs: {problem}")
            elif isinstance(found, WorkerFacts):
                self._known.add(address)
                self.host_facts[host] = found.host

    def _problem(self, host: str, found: WorkerFacts | Exception | None) -> str | None:
        if found is None:
            return f"it does not advertise the resource {RESOURCE!r}"
        if isinstance(found, Exception):
            return " ".join(str(found).split()) or type(found).__name__
        return found.problem or unequal_versions(self._versions, {host: found.versions})

    async def _wait_for_scheduler(self, stop: asyncio.Event) -> None:
        self._say(f"the scheduler is gone; it is waited for, {BACK_SECONDS:g} s at most")
        deadline = time.monotonic() + BACK_SECONDS
        while not stop.is_set():
            try:
                await self._link.connect()
            except NoScheduler as error:
                if time.monotonic() > deadline:
                    raise NoScheduler(f"{error}; --resume goes on") from error
                await asyncio.sleep(LOOK_SECONDS)
            else:
                self._say("the scheduler is back")
                return
        await self._link.close()
