"""How soon a death is seen: containers killed from outside at known times, watched in every way."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from iluvatar_bench.containerd.daemon.place import require_root
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage, import_layout
from iluvatar_bench.errors import ProcessDied, UsageError
from iluvatar_bench.functions import BuildOptions, daemon_with, find_source, image_of
from iluvatar_bench.host.kernel.held_process import HeldProcess
from iluvatar_bench.host.task_group import task_group
from iluvatar_bench.lifecycle import Container, KillLog, remove_container
from iluvatar_bench.lifecycle.container import open_container
from iluvatar_bench.monitor import Monitor, open_monitor
from iluvatar_bench.monitor.memory import PERIOD_SECONDS
from iluvatar_bench.profiles import PRESETS
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR
from iluvatar_bench.records import Way
from iluvatar_bench.records.frames import Observations

WAYS = (Way.PIDFD, Way.WAIT, Way.EVENT, Way.POLL)
"""The ways that tell of every death as long as nothing breaks."""

MAX_CONTAINERS = 200
_STARTING_AT_A_TIME = 4
_BUILD = BuildOptions("http_server", byte_code=True)
"""How they are killed is looked at, not how they start."""
_NEWS_SECONDS = 30.0
"""How long the last way may take beyond the poller's period: far above what any needs."""


@dataclass(frozen=True, slots=True)
class Detection:
    """What was seen of containers that were killed from outside.

    ``deaths``: a row a death, with the columns of ``records.Death`` and ``killed_at`` (UTC), when
    the signal was sent. ``samples``: as ``records.Sample``. ``reported``: the containers whose
    death was reported as it happened, in that order; one that stood there twice would have been
    counted twice.
    """

    deaths: pd.DataFrame
    samples: pd.DataFrame
    reported: tuple[str, ...]

    def save(self, folder: Path) -> None:
        """Write ``deaths.parquet`` and ``samples.parquet``."""
        folder.mkdir(parents=True, exist_ok=True)
        self.deaths.to_parquet(folder / "deaths.parquet", index=False)
        self.samples.to_parquet(folder / "samples.parquet", index=False)


def open_detection(folder: Path) -> Detection:
    """What :meth:`Detection.save` wrote.

    Raises:
        UsageError: there is no such recording.
    """
    if not (folder / "deaths.parquet").exists():
        raise UsageError(f"{folder} holds no recorded detection: it has no deaths.parquet")
    try:
        # No run's tables: there is no manifest, and no journal to fall back to.
        deaths, samples = (
            pd.read_parquet(folder / f"{name}.parquet") for name in ("deaths", "samples")
        )
    except (OSError, ValueError) as error:
        raise UsageError(f"the recorded detection in {folder} cannot be read") from error
    order = deaths.sort_values("first_seen_at")["container_id"]
    return Detection(deaths, samples, tuple(order))


async def measure_detection(
    *,
    containers: int,
    seed: int,
    sample_seconds: float = PERIOD_SECONDS,
    function: str = "hello",
) -> Detection:
    """Start ``containers``, kill them one after the other from outside, keep who saw it when.

    The kills are spread at random over three of the poller's periods (``sample_seconds``), so that
    its latency is that of a death at any moment. A private containerd is used, and removed.

    Raises:
        UsageError: a number is out of its range; nothing was started.
        EnvironmentProblem: the host lacks something.
        TimeoutError: a way did not tell of a death at all.
    """
    if not 1 <= containers <= MAX_CONTAINERS:
        raise UsageError(f"containers must be between 1 and {MAX_CONTAINERS}, not {containers}")
    if not 0 < sample_seconds <= 60:
        raise UsageError(f"sample_seconds must be above 0 and at most 60, not {sample_seconds:g}")
    require_root("running containers")
    built = await asyncio.to_thread(image_of, find_source(function), _BUILD)
    reported: list[str] = []
    async with daemon_with([built], collector=QUIET_COLLECTOR) as node:
        image = await import_layout(
            node.client, built.layout, name=built.name, snapshotters=["overlayfs"]
        )
        async with (
            open_monitor(
                node.client, sample_seconds=sample_seconds, on_death=reported.append
            ) as monitor,
            idle_containers(node, image, monitor, containers) as alive,
        ):
            random_state = random.Random(seed)
            pauses = [random_state.uniform(0, 6 * sample_seconds / containers) for _ in alive]
            killed_at = await _kill_from_outside(alive, pauses)
            async with asyncio.timeout(sample_seconds + _NEWS_SECONDS):
                await monitor.exits.wait_told(killed_at, WAYS)
            seen = Observations(
                deaths=monitor.exits.deaths(node.id), samples=monitor.samples(node.id)
            ).frames()
    deaths = seen["deaths"]
    deaths["killed_at"] = pd.to_datetime(deaths["container_id"].map(killed_at), unit="s", utc=True)
    return Detection(deaths, seen["samples"], tuple(reported))


@asynccontextmanager
async def idle_containers(
    node: Node, image: ImportedImage, monitor: Monitor, count: int
) -> AsyncIterator[list[Container]]:
    """So many containers, ready and watched; removed at the end, dead or alive."""
    turns = asyncio.Semaphore(_STARTING_AT_A_TIME)

    async def start(container: Container) -> None:
        async with turns:
            await container.create()
            assert container.pid is not None
            monitor.watch(container.id, container.pid, exited=container.exited)
            await container.start()

    async with AsyncExitStack() as stack:
        alive = []
        for number in range(count):
            container = await stack.enter_async_context(
                open_container(
                    f"watched-{number:03d}",
                    node=node,
                    image=image,
                    profile=PRESETS["guarded"],
                    kills=KillLog(),
                )
            )
            stack.push_async_callback(_remove, container, monitor)
            alive.append(container)
        async with task_group() as group:
            for container in alive:
                group.create_task(start(container))
        yield alive


async def _remove(container: Container, monitor: Monitor) -> None:
    try:
        await remove_container(container)
    except ProcessDied:
        # As intended.
        pass
    finally:
        monitor.unwatch(container.id)


async def _kill_from_outside(
    containers: Sequence[Container], pauses: Sequence[float]
) -> dict[str, float]:
    """SIGKILL each first process, unknown to containerd; gives when, in seconds since the epoch."""
    killed_at: dict[str, float] = {}
    for container, pause in zip(containers, pauses, strict=True):
        await asyncio.sleep(pause)
        assert container.pid is not None
        with HeldProcess(container.pid) as process:
            killed_at[container.id] = time.time()
            signal.pidfd_send_signal(process.pidfd, signal.SIGKILL)
    return killed_at
