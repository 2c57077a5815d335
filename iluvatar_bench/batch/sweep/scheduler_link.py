"""The connection to a Dask scheduler, one of this process's own or one that runs somewhere."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import ssl
import warnings
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import dask
from distributed import CancelledError, Client, KilledWorker, LocalCluster
from distributed.client import ClosedClientError
from distributed.comm import CommClosedError
from distributed.security import Security

from iluvatar_bench.batch.sweep.addresses import (
    CREDENTIALS,
    SchedulerAddress,
    checked_credentials,
)
from iluvatar_bench.batch.sweep.job_outcome import JobOutcome
from iluvatar_bench.batch.sweep.worker_side import (
    Uninterrupted,
    WorkerFacts,
    give_up,
    worker_facts,
)
from iluvatar_bench.errors import NoScheduler

RESOURCE = "containerd"
"""What a worker advertises that may be given cells; how much of it: so many at a time."""

CONNECT_SECONDS = 4.0
"""So long a scheduler may take to answer at all: with the start of the command that is within ten
seconds, also on a busy host."""

ANSWER_SECONDS = 20.0


class JobLost(Exception):
    """The worker of a job, or the scheduler, was gone before the job had ended."""


@dataclass(frozen=True, slots=True)
class SweepWorker:
    """A worker as the scheduler knows it. ``host`` is the address that it is reached at; ``slots``
    are the cells that it takes at a time, 0 where it does not advertise that it takes any."""

    address: str
    host: str
    slots: int


class SchedulerLink:
    """A client of one scheduler; after a loss it may be connected again."""

    def __init__(self, target: Any, security: Security | None) -> None:
        self._target = target
        self._security = security
        self._client: Client | None = None

    @property
    def alive(self) -> bool:
        """Whether the scheduler is connected."""
        return self._client is not None and self._client.status == "running"

    @property
    def client(self) -> Client:
        """The client, while there is one."""
        assert self._client is not None
        return self._client

    async def connect(self) -> None:
        """Connect, anew where it was connected before.

        Raises:
            NoScheduler: nobody answers there, or not in time.
        """
        await self.close()
        client = None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._knock()
                with warnings.catch_warnings():
                    # Versions that differ are told by this program, in one line.
                    warnings.simplefilter("ignore")
                    client = Client(
                        self._target,
                        asynchronous=True,
                        security=self._security,
                        timeout=CONNECT_SECONDS,
                        set_as_default=False,
                    )
                    await client
        except (OSError, TimeoutError) as error:
            if client is not None:
                await client.close(timeout=1)
            raise NoScheduler(f"no scheduler answers at {self._where}: {_reason(error)}") from error
        self._client = client

    async def _knock(self) -> None:
        """Dask tries for as long as it may even where the host says that nobody listens."""
        if isinstance(self._target, str):
            place = urlsplit(self._target)
            _, writer = await asyncio.open_connection(place.hostname, place.port)
            writer.close()

    async def close(self) -> None:
        """Let the scheduler go. Safe to repeat."""
        client, self._client = self._client, None
        if client is not None:
            # The scheduler may be gone, and no answer of it is needed.
            await client.close(timeout=2)

    @property
    def _where(self) -> str:
        return str(getattr(self._target, "scheduler_address", self._target))

    @asynccontextmanager
    async def _answering(self, seconds: float = ANSWER_SECONDS) -> AsyncIterator[Client]:
        """The client, for one question to the scheduler, which has to answer it in time.

        Raises:
            NoScheduler: it is gone, or does not.
        """
        if not self.alive:
            raise NoScheduler(f"the connection to {self._where} is closed")
        try:
            async with asyncio.timeout(seconds):
                yield self.client
        except (OSError, TimeoutError) as error:
            raise NoScheduler(f"the scheduler went away: {_reason(error)}") from error

    async def dashboard(self) -> str | None:
        """The address of Dask's own pages; None where it shows none.

        Raises:
            NoScheduler: it is gone.
        """
        async with self._answering() as client:
            found = await client.scheduler.identity(n_workers=0)
        return client.dashboard_link if "dashboard" in found["services"] else None

    async def workers(self) -> dict[str, SweepWorker]:
        """Every worker, by its address.

        Raises:
            NoScheduler: it is gone.
        """
        async with self._answering() as client:
            found = await client.scheduler.identity(n_workers=-1)
        return {
            address: SweepWorker(
                address,
                str(urlsplit(address).hostname),
                min(int(worker["resources"].get(RESOURCE, 0)), int(worker["nthreads"])),
            )
            for address, worker in found["workers"].items()
        }

    async def scheduler_versions(self) -> dict[str, str]:
        """The versions of the scheduler's packages, as far as it knows them, and its Python's.

        Raises:
            NoScheduler: it is gone.
        """
        async with self._answering() as client:
            found = await client.scheduler.versions()
        python = str(found["host"]["python"]).split(".")[:2]
        return {**found["packages"], "python": ".".join(python)}

    async def facts(self, addresses: Collection[str]) -> Mapping[str, WorkerFacts | Exception]:
        """What these workers say of themselves; an error of one that cannot, or not in time.

        Raises:
            NoScheduler: it is gone.
        """

        async def of_one(address: str) -> WorkerFacts | Exception:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    found: dict[str, WorkerFacts | Exception] = await client.run(
                        worker_facts, workers=[address], on_error="return"
                    )
            except TimeoutError:
                return TimeoutError(f"it does not answer within {ANSWER_SECONDS:g} s")
            return found[address]

        if not addresses:
            return {}
        async with self._answering(seconds=ANSWER_SECONDS + 5) as client:
            found = await asyncio.gather(*map(of_one, addresses))
        return dict(zip(addresses, found, strict=True))

    async def ask(
        self, job: str, worker: SweepWorker, function: Callable[..., JobOutcome], *given: object
    ) -> JobOutcome:
        """Have the worker call the function, and nobody else: who is next is not Dask's to decide.

        Raises:
            JobLost: the worker or the scheduler is gone.
        """
        try:
            found = await self.client.submit(
                function,
                *given,
                # A name of its own: one that was lost may still be known by the job's.
                key=f"{job}-{secrets.token_hex(4)}",
                workers=[worker.address],
                resources={RESOURCE: 1},
                retries=0,
                pure=False,
            )
        except (CancelledError, CommClosedError, KilledWorker, ClosedClientError) as error:
            raise JobLost(_reason(error)) from error
        assert isinstance(found, JobOutcome)
        return found

    async def give_up(self, jobs: Collection[str], addresses: Collection[str]) -> None:
        """Have these workers cancel these jobs.

        Raises:
            NoScheduler: it is gone.
        """
        async with self._answering() as client:
            await client.run(give_up, list(jobs), workers=list(addresses), on_error="return")


@asynccontextmanager
async def own_workers(number: int) -> AsyncIterator[SchedulerLink]:
    """A scheduler in this process and ``number`` worker processes, for the length of a block.

    They speak TLS with keys made for this once: loopback is open to every user of this host.
    """
    _silence()
    async with AsyncExitStack() as stack:
        scratch = stack.enter_context(TemporaryDirectory(prefix="iluvatar-bench-sweep-"))
        cluster = LocalCluster(
            n_workers=number,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            protocol="tls://",
            security=Security.temporary(),
            resources={RESOURCE: 1},
            # Some pages it serves in any case; those worth a look are drawn by bokeh.
            dashboard_address="127.0.0.1:0",
            local_directory=scratch,
            memory_limit=0,
            asynchronous=True,
            silence_logs=logging.CRITICAL,
        )
        await stack.enter_async_context(cluster)
        link = SchedulerLink(cluster, None)
        stack.push_async_callback(link.close)
        await link.connect()
        # Also for the workers that Dask starts in the place of lost ones.
        await link.client.register_plugin(Uninterrupted())
        yield link


@asynccontextmanager
async def running_scheduler(
    address: SchedulerAddress, credentials: Mapping[str, str | None]
) -> AsyncIterator[SchedulerLink]:
    """A scheduler that runs already, for the length of a block.

    What ``credentials`` do not name is taken from Dask's own configuration.

    Raises:
        UsageError: the address takes TLS, and a file for it is missing.
        NoScheduler: nobody answers there within ten seconds.
    """
    _silence()
    security = None
    if address.encrypted:
        tls = checked_credentials({name: _named(name, credentials) for name in CREDENTIALS})
        security = Security(
            tls_ca_file=tls["ca"],
            tls_client_cert=tls["cert"],
            tls_client_key=tls["key"],
            require_encryption=True,
        )
    link = SchedulerLink(address.url, security)
    await link.connect()
    try:
        yield link
    finally:
        await link.close()


def _named(name: str, credentials: Mapping[str, str | None]) -> str | None:
    setting = {"ca": "ca-file", "cert": "client.cert", "key": "client.key"}[name]
    found = credentials.get(name) or dask.config.get(f"distributed.comm.tls.{setting}", None)
    return None if found is None else str(found)


def _silence() -> None:
    """Dask's loggers have levels of their own, and tell a user what this program tells in a line.

    With ``--verbose`` they are heard.
    """
    if logging.getLogger().isEnabledFor(logging.DEBUG):
        return
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("distributed", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL)


def _reason(error: BaseException) -> str:
    """The first cause, in a few words."""
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, (TimeoutError, asyncio.CancelledError)):
        # The second: by a deadline of this module.
        return "no answer in time"
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) and error.errno:
        # asyncio's own words repeat the address; the resolver's numbers are not the kernel's.
        resolved = not isinstance(error, socket.gaierror)
        return os.strerror(error.errno) if resolved else str(error.strerror)
    return " ".join(str(error).split()) or type(error).__name__
