"""What the harness's own network costs: ``iluvatar-bench network-benchmark``.

One after the other, on an otherwise idle process: making and removing a namespace and a bridge
attachment, a hand-out of a full pool, and invocations. Those go to a server in a namespace that
answers at once, in this very process: what is left is connection, HTTP and JSON, the share of an
invocation's time that is not the function's.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

import pandas as pd

from iluvatar_bench.host.kernel import netns
from iluvatar_bench.host.network.attachment import Attachment, NetworkMode, NetworkSettings
from iluvatar_bench.host.network.network_pool import open_pool
from iluvatar_bench.host.network.networks import Network, open_network
from iluvatar_bench.lifecycle.invocation import Invocation, open_invoker
from iluvatar_bench.stats.latency import latency_quantiles

T = TypeVar("T")

COUNT = 400
"""From 368 values on a 99th percentile has an upper bound at 95 % (stats/latency.py)."""

POOL_SIZE = 8
_FILL_SECONDS = 60.0
_INVOKE_SECONDS = 10.0

_ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\n\r\n{"body": {}}'


class Stopwatch:
    """Durations in milliseconds, by what was timed."""

    def __init__(self) -> None:
        self.durations_ms: dict[str, list[float]] = defaultdict(list)

    async def time(self, what: str, act: Callable[[], Awaitable[T]]) -> T:
        """Time one act. One that fails is not counted: its error comes out."""
        started = time.perf_counter()
        result = await act()
        self.durations_ms[what].append((time.perf_counter() - started) * 1000)
        return result


async def measure_network(
    *, count: int = COUNT, settings: NetworkSettings
) -> dict[str, list[float]]:
    """The raw durations (milliseconds), ``count`` of each.

    Raises:
        EnvironmentProblem, NetworkError: the networks cannot be made here.
    """
    watch = Stopwatch()
    loopback = NetworkSettings(mode=NetworkMode.LOOPBACK, home=settings.home)
    async with open_network(loopback) as network:
        await _attach_and_detach(watch, network, "namespace", count)
    async with open_network(settings) as network:
        await _attach_and_detach(watch, network, "bridge", count)
        await _hand_out(watch, network, count)
        await _invoke(watch, network, count)
    return dict(watch.durations_ms)


async def _attach_and_detach(watch: Stopwatch, network: Network, name: str, count: int) -> None:
    for _ in range(count):
        attachment = await watch.time(f"{name} attach", network.attach)
        await watch.time(f"{name} detach", partial(network.detach, attachment))


async def _hand_out(watch: Stopwatch, network: Network, count: int) -> None:
    async with open_pool(network, size=POOL_SIZE) as pool:
        for _ in range(count):
            await pool.wait_full(seconds=_FILL_SECONDS)
            attachment = await watch.time("pool hand-out", pool.acquire)
            await pool.release(attachment)


async def _invoke(watch: Stopwatch, network: Network, count: int) -> None:
    async with open_invoker(network.book) as invoker:
        for _ in range(count):
            attachment = await network.attach()
            async with _serving(attachment):
                for what in ("first invoke", "warm invoke"):
                    invoke = partial(
                        invoker.invoke, attachment, {}, timeout_seconds=_INVOKE_SECONDS
                    )
                    _require_ok(await watch.time(what, invoke))
            await network.detach(attachment)


def _require_ok(invocation: Invocation) -> None:
    if not invocation.ok:
        raise RuntimeError(invocation.error)


@asynccontextmanager
async def _serving(attachment: Attachment) -> AsyncIterator[None]:
    assert attachment.namespace is not None
    listen = partial(socket.create_server, (attachment.address, attachment.port))
    listener = await asyncio.to_thread(netns.run_inside, attachment.namespace, listen)
    server = await asyncio.start_server(_answer, sock=listener)
    async with server:
        yield


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"{}")
    writer.write(_ANSWER)
    writer.close()
    await writer.wait_closed()


def table(durations_ms: dict[str, list[float]]) -> pd.DataFrame:
    """One row for each thing timed: count, median and 99th percentile with its upper bound."""
    rows = []
    for what, values in durations_ms.items():
        found = latency_quantiles(values, quantiles=(0.5, 0.99))
        median, p99 = found.to_dict("records")
        rows.append(
            {
                "what": what,
                "count": len(values),
                "median_ms": median["estimate_ms"],
                "p99_ms": p99["estimate_ms"],
                "p99_high_ms": p99["high_ms"],
            }
        )
    return pd.DataFrame(rows)


def print_benchmark(count: int, settings: NetworkSettings) -> None:
    """Measure, then write :func:`table` to standard output.

    Raises:
        EnvironmentProblem, NetworkError: as :func:`measure`.
    """
    durations_ms = asyncio.run(measure_network(count=count, settings=settings))
    frame = table(durations_ms)
    sys.stdout.write(frame.to_string(index=False, float_format="{:.2f}".format) + "\n")
