"""What the recording proxy costs: for one call, and for lifecycles eight at a time.

    python -m iluvatar_bench.benchmarks.proxy_cost [LIFECYCLES]

The proxy is a process of its own, as for a user. Direct and proxied work alternate within one run,
so that whatever else the host does falls on both. One call is not OK by itself: a client that
connects makes its namespace, and is told that there is one.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import psutil

from iluvatar_bench.containerd.client import Client, connect
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage, import_layout
from iluvatar_bench.containerd.proxy.call_log import TABLE, read_calls
from iluvatar_bench.errors import UnusablePath
from iluvatar_bench.functions import build_image, daemon_with, load_function
from iluvatar_bench.lifecycle.container import open_container
from iluvatar_bench.lifecycle.kill_log import KillLog
from iluvatar_bench.lifecycle.removal import remove_container
from iluvatar_bench.profiles import resolve_profile
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR

CALLS = 2000
BLOCK = 24
CONCURRENCY = 8
_START_SECONDS = 30.0
_LOOK_SECONDS = 0.02
PROGRAM = "import sys, time; print('ready', file=sys.stderr, flush=True); time.sleep(60)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyCost:
    """Times are medians in milliseconds; ``rates`` are lifecycles a second, block by block."""

    direct_ms: float
    proxied_ms: float
    direct_rates: tuple[float, ...]
    proxied_rates: tuple[float, ...]
    rss_mib: tuple[float, ...]
    """The proxy's memory after each block."""
    recorded: Counter[str]
    """Calls by method."""
    not_ok: Counter[tuple[str, str]]
    """Those that ended with another status than OK, by method and status."""
    lifecycles: int
    """Those that went through the proxy."""

    @property
    def slower(self) -> float:
        """The share by which the proxied lifecycles are slower: 0.1 is 10 %."""
        return 1 - median(self.proxied_rates) / median(self.direct_rates)

    def text(self) -> str:
        """The figures, a line each."""
        per_life = {name: count / self.lifecycles for name, count in self.recorded.items()}
        steps = {name: round(per, 3) for name, per in sorted(per_life.items()) if per >= 0.9}
        return "\n".join(
            [
                f"a call: {self.direct_ms:.2f} ms direct, {self.proxied_ms:.2f} ms proxied, "
                f"{self.proxied_ms - self.direct_ms:.2f} ms more ({CALLS} each, medians)",
                f"lifecycles {CONCURRENCY} at a time: {median(self.direct_rates):.1f}/s direct, "
                f"{median(self.proxied_rates):.1f}/s proxied, {100 * self.slower:.0f} % slower "
                f"(medians of {len(self.direct_rates)} blocks of {BLOCK} each)",
                f"memory of the proxy: {', '.join(f'{mib:.0f}' for mib in self.rss_mib)} MiB",
                f"calls a lifecycle of {self.lifecycles}: {steps}",
                f"not OK of {self.recorded.total()} calls: {self._not_ok_words()}",
            ]
        )

    def _not_ok_words(self) -> str:
        words = [f"{n} {name} {status}" for (name, status), n in sorted(self.not_ok.items())]
        return ", ".join(words) or "none"


async def measure(lifecycles: int) -> ProxyCost:
    """Measure on a private containerd.

    Raises:
        EnvironmentProblem: there can be none here.
    """
    built = await asyncio.to_thread(build_image, load_function("hello"))
    with tempfile.TemporaryDirectory(prefix="ib-", dir="/tmp") as name:
        folder = Path(name)
        async with daemon_with([built], collector=QUIET_COLLECTOR) as node:
            image = await import_layout(
                node.client, built.layout, name=built.name, snapshotters=["overlayfs"]
            )
            async with _proxy(node, folder) as (proxied, process):
                calls = await _calls(node.client, proxied.client)
                image = replace(
                    image, args=("python3", "-S", "-E", "-c", PROGRAM), ready_text="ready"
                )
                rates: dict[bool, list[float]] = {False: [], True: []}
                memory = []
                for _ in range(max(lifecycles // BLOCK, 2)):
                    for through in (False, True):
                        rates[through].append(await _block(proxied if through else node, image))
                    memory.append(process.memory_info().rss / 2**20)
        recorded = read_calls(folder / "calls" / TABLE)
    return ProxyCost(
        direct_ms=calls[0],
        proxied_ms=calls[1],
        direct_rates=tuple(rates[False]),
        proxied_rates=tuple(rates[True]),
        rss_mib=tuple(memory),
        recorded=Counter(call.name for call in recorded),
        not_ok=Counter((call.name, call.status or "no status") for call in recorded if not call.ok),
        lifecycles=BLOCK * len(rates[True]),
    )


@asynccontextmanager
async def _proxy(node: Node, folder: Path) -> AsyncIterator[tuple[Node, psutil.Process]]:
    listen = folder / "p"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", "from iluvatar_bench.commands.app import main; main()"),
        *("proxy", "--listen", str(listen), "--address", str(node.address)),
        *("--out", str(folder / "calls")),
        stderr=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        for _ in range(int(_START_SECONDS / _LOOK_SECONDS)):
            if listen.is_socket():
                break
            await asyncio.sleep(_LOOK_SECONDS)
        async with connect(listen, namespace=node.client.namespace) as client:
            yield replace(node, client=client), psutil.Process(process.pid)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        if await process.wait() != 0:
            raise UnusablePath("the proxy did not end well")


async def _calls(direct: Client, proxied: Client) -> tuple[float, float]:
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(CALLS):
        for client, taken in zip((direct, proxied), times, strict=True):
            began = time.perf_counter()
            await client.introspection.version()
            taken.append((time.perf_counter() - began) * 1000)
    return median(times[0]), median(times[1])


async def _block(node: Node, image: ImportedImage) -> float:
    """So many lifecycles; how many a second."""
    gate = asyncio.Semaphore(CONCURRENCY)
    profile = resolve_profile("guarded", ())

    async def life(number: int) -> None:
        async with (
            gate,
            open_container(
                f"cost-{time.monotonic_ns()}-{number}",
                node=node,
                image=image,
                profile=profile,
                kills=KillLog(),
            ) as container,
        ):
            try:
                await container.create()
                await container.start()
            finally:
                await remove_container(container)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(BLOCK):
            group.create_task(life(number))
    return BLOCK / (time.perf_counter() - began)


if __name__ == "__main__":
    lives = int(sys.argv[1]) if len(sys.argv) > 1 else 96
    sys.stdout.write(asyncio.run(measure(lives)).text() + "\n")
