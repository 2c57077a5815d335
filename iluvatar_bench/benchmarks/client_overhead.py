"""What our client costs beside others, in one session: rounds in which each does its lifecycles.

Whatever else the host does falls on all of them: each round measures every client once, in an order
of its own, and what is compared is compared within a round.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from iluvatar_bench.benchmarks.call_clock import TimedChannel, timed
from iluvatar_bench.benchmarks.overhead_clients import (
    ctr_lifecycles,
    own_lifecycles,
    runc_bundle,
    runc_lifecycles,
)
from iluvatar_bench.benchmarks.overhead_image import write_true_image
from iluvatar_bench.benchmarks.overhead_starts import (
    BLOCK,
    chroot_start_ms,
    container_start_ms,
    invocation_ms,
)
from iluvatar_bench.benchmarks.stress_tool import StressTool, open_stress_tool
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage, import_layout
from iluvatar_bench.errors import UsageError
from iluvatar_bench.functions import build_image, daemon_with, load_function
from iluvatar_bench.host.facts import host_facts, program_version, started_as
from iluvatar_bench.host.host_noise import noise_of_run, read_noise
from iluvatar_bench.lifecycle.container import STARTUP_SECONDS

OURS, WATCHED, CTR, RUNC, STRESS = "ours", "ours, watched", "ctr", "runc", "containerd-stress"
"""The clients; ``watched``: with monitor and witness, as in a run."""

CLIENTS = (OURS, WATCHED, CTR, RUNC, STRESS)

CONCURRENCIES = (1, 2, 4, 8)
CONTAINER, CHROOT = "container", "chroot"
OUR_CLIENT, DIRECT = "ours", "http.client"

TABLES = ("batches", "calls", "starts", "warm")

MOST_ROUNDS = 50
MOST_LIFECYCLES = 200

_IMAGE = "iluvatar-bench/true:1"
_STARTS = 3
_WARM_BLOCKS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Overhead:
    """Raw values, a row each.

    ========== =====================================================================================
    batches    round, client, concurrency, lifecycles, seconds, rate (a second), cpu_ms (of this
               process, a lifecycle; ours only), outside (share of the time; ours only)
    calls      round, client, concurrency, call, ms
    starts     round, place (container, chroot), ms
    warm       round, client (ours, http.client), ms
    ========== =====================================================================================
    """

    batches: pd.DataFrame
    calls: pd.DataFrame
    starts: pd.DataFrame
    warm: pd.DataFrame
    manifest: Mapping[str, Any]

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The four tables, by their names."""
        return {name: getattr(self, name) for name in TABLES}


def read_overhead(folder: Path) -> Overhead:
    """What was measured and kept before: ``overhead-*.csv`` and ``overhead-manifest.json``.

    Raises:
        UsageError: one is missing, or is no such table.
    """
    try:
        tables = {name: pd.read_csv(folder / f"overhead-{name}.csv") for name in TABLES}
        manifest = json.loads((folder / "overhead-manifest.json").read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder} holds no overhead that was measured: {error}") from error
    return _in_order(tables, manifest)


def _in_order(tables: Mapping[str, pd.DataFrame], manifest: Mapping[str, Any]) -> Overhead:
    """Clients in the order of :data:`CLIENTS`: in a round they come in one of its own."""
    places = {client: at for at, client in enumerate(CLIENTS)}

    def ordered(name: str) -> pd.DataFrame:
        by_client = tables[name]["client"].map(places).sort_values(kind="stable").index
        return tables[name].loc[by_client].reset_index(drop=True)

    return Overhead(
        batches=ordered("batches"),
        calls=ordered("calls"),
        starts=tables["starts"],
        warm=tables["warm"],
        manifest=manifest,
    )


async def measure_overhead(
    *,
    rounds: int = 8,
    lifecycles: int = 24,
    seconds: float = 270.0,
    seed: int = 1,
    stress: bool = True,
    ready_seconds: float = STARTUP_SECONDS,
    on_round: Callable[[int, float], None] | None = None,
) -> Overhead:
    """Measure on a private containerd with its usual collector.

    Args:
        rounds: how many; fewer where the next would not end within ``seconds``, but at least one.
        lifecycles: of each client in a round, at each concurrency.
        seconds: for all rounds together.
        seed: of the order within each round.
        stress: whether containerd-stress is measured too, where it is on PATH.
        ready_seconds: how long a started function may be silent.
        on_round: told of each round, its number and the seconds that it took.

    Raises:
        UsageError: a number is out of its range.
        EnvironmentProblem: there can be no containers here, or a client failed.
    """
    if not 1 <= rounds <= MOST_ROUNDS:
        raise UsageError(f"rounds must be between 1 and {MOST_ROUNDS}, not {rounds}")
    if not max(CONCURRENCIES) <= lifecycles <= MOST_LIFECYCLES:
        raise UsageError(
            f"lifecycles must be between {max(CONCURRENCIES)} and {MOST_LIFECYCLES}, "
            f"not {lifecycles}"
        )
    before = read_noise()
    took: list[float] = []
    async with _open_bench(lifecycles, stress=stress, ready_seconds=ready_seconds) as bench:
        await bench.warm_up()
        while len(took) < rounds:
            if took and time.monotonic() - before.at + max(took) > seconds:
                break
            number, began = len(took), time.monotonic()
            order = random.Random(f"{seed}-{number}").sample(bench.steps, k=len(bench.steps))
            for step in order:
                await step(number)
            took.append(time.monotonic() - began)
            if on_round is not None:
                on_round(number, took[-1])
        version = await bench.node.client.introspection.version()
    manifest = {
        "command": started_as(),
        "rounds": len(took),
        "lifecycles": lifecycles,
        "seed": seed,
        "seconds": round(time.monotonic() - before.at, 1),
        "containerd": {"version": version.version, "revision": version.revision},
        "ctr": program_version("ctr", "--version"),
        "containerd-stress": None if bench.stress is None else bench.stress.version,
        "host": host_facts(),
        "noise": noise_of_run(before, read_noise()),
    }
    return _in_order(bench.rows.frames(), manifest)


@dataclass(frozen=True, slots=True)
class _Rows:
    """What was measured so far."""

    batches: list[dict[str, Any]] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    starts: list[dict[str, Any]] = field(default_factory=list)
    warm: list[dict[str, Any]] = field(default_factory=list)

    def batch(
        self, number: int, client: str, concurrency: int, *, count: int, seconds: float, **own: Any
    ) -> None:
        self.batches.append(
            {
                "round": number,
                "client": client,
                "concurrency": concurrency,
                "lifecycles": count,
                "seconds": seconds,
                "rate": count / seconds,
                "cpu_ms": None,
                "outside": None,
                **own,
            }
        )

    def frames(self) -> dict[str, pd.DataFrame]:
        return {name: pd.DataFrame(getattr(self, name)) for name in TABLES}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """All that is measured stands on this."""

    node: Node
    """Behind the connection that notes its calls."""
    channel: TimedChannel
    true: ImportedImage
    hello: ImportedImage
    bundle: Path
    stress: StressTool | None
    lifecycles: int
    ready_seconds: float
    rows: _Rows = field(default_factory=_Rows)

    @property
    def steps(self) -> list[Callable[[int], Awaitable[None]]]:
        """Each measures one thing once, for the round of that number."""
        own = [
            partial(self._own, concurrency=concurrency, watched=watched)
            for concurrency in CONCURRENCIES
            for watched in (False, True)
        ]
        stressed = [partial(self._stress, concurrency=concurrency) for concurrency in CONCURRENCIES]
        others = [self._ctr, self._runc, self._start, self._invoke]
        return [*own, *others, *(stressed if self.stress is not None else [])]

    async def warm_up(self) -> None:
        """What is loaded by the first only is not to be counted for it."""
        for watched in (False, True):
            await own_lifecycles(
                self.node, self.channel, self.true, count=4, concurrency=2, watched=watched
            )
        await ctr_lifecycles(self.node, self.true, count=1)
        await runc_lifecycles(self.node, self.bundle, count=1)
        await container_start_ms(
            self.node, self.hello, name=_name("warm"), ready_seconds=self.ready_seconds
        )

    async def _own(self, number: int, *, concurrency: int, watched: bool) -> None:
        done = await own_lifecycles(
            self.node,
            self.channel,
            self.true,
            count=self.lifecycles,
            concurrency=concurrency,
            watched=watched,
        )
        client = WATCHED if watched else OURS
        self.rows.batch(
            number,
            client,
            concurrency,
            count=self.lifecycles,
            seconds=done.seconds,
            cpu_ms=1000 * done.cpu_seconds / self.lifecycles,
            outside=done.outside,
        )
        known = {"round": number, "client": client, "concurrency": concurrency}
        self.rows.calls.extend({**known, "call": c.operation, "ms": c.ms} for c in done.calls)

    async def _ctr(self, number: int) -> None:
        seconds = await ctr_lifecycles(self.node, self.true, count=self.lifecycles)
        self.rows.batch(number, CTR, 1, count=self.lifecycles, seconds=seconds)

    async def _runc(self, number: int) -> None:
        seconds = await runc_lifecycles(self.node, self.bundle, count=self.lifecycles)
        self.rows.batch(number, RUNC, 1, count=self.lifecycles, seconds=seconds)

    async def _stress(self, number: int, *, concurrency: int) -> None:
        assert self.stress is not None
        done, seconds = await self.stress.run(concurrency)
        self.rows.batch(number, STRESS, concurrency, count=done, seconds=seconds)

    async def _start(self, number: int) -> None:
        """In turns, so that neither always comes first."""
        places = [(CONTAINER, container_start_ms), (CHROOT, chroot_start_ms)]
        for at in range(_STARTS):
            for place, start in places if at % 2 else reversed(places):
                ms = await start(
                    self.node, self.hello, name=_name(place), ready_seconds=self.ready_seconds
                )
                self.rows.starts.append({"round": number, "place": place, "ms": ms})

    async def _invoke(self, number: int) -> None:
        own, direct = await invocation_ms(
            self.node,
            self.hello,
            name=_name("warm"),
            blocks=_WARM_BLOCKS,
            ready_seconds=self.ready_seconds,
        )
        assert len(own) == len(direct) == BLOCK * _WARM_BLOCKS
        for client, taken in ((OUR_CLIENT, own), (DIRECT, direct)):
            self.rows.warm.extend({"round": number, "client": client, "ms": ms} for ms in taken)


@asynccontextmanager
async def _open_bench(
    lifecycles: int, *, stress: bool, ready_seconds: float
) -> AsyncIterator[_Bench]:
    built = await asyncio.to_thread(build_image, load_function("hello"))
    with tempfile.TemporaryDirectory(prefix="iluvatar-bench-") as name:
        layout = Path(name) / "true"
        await asyncio.to_thread(write_true_image, layout, name=_IMAGE)
        async with daemon_with([built]) as node, timed(node) as (behind, channel):
            true = await import_layout(node.client, layout, name=_IMAGE, snapshotters=["overlayfs"])
            hello = await import_layout(
                node.client, built.layout, name=built.name, snapshotters=["overlayfs"]
            )
            async with (
                runc_bundle(node, true) as bundle,
                open_stress_tool(node, layout, name=_IMAGE, wanted=stress) as tool,
            ):
                yield _Bench(
                    node=behind,
                    channel=channel,
                    true=true,
                    hello=hello,
                    bundle=bundle,
                    stress=tool,
                    lifecycles=lifecycles,
                    ready_seconds=ready_seconds,
                )


def _name(what: str) -> str:
    return f"{what}-{secrets.token_hex(6)}"
