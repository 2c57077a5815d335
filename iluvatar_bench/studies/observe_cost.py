"""What an observation costs those who are observed: blocks with and without one, in turn.

    python -m iluvatar_bench.studies.observe_cost [BLOCKS] [SECONDS]

A private containerd with idle containers, and clients that start and remove others one at a time
all along. Blocks with and without an observation alternate, so that whatever else the host does
falls on both; each pair of neighbours gives a difference.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil
import scipy

from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import import_layout
from iluvatar_bench.functions import BuildOptions, build_image, daemon_with, load_function
from iluvatar_bench.host.kernel.listener import listener_at
from iluvatar_bench.observe.process import observing_process
from iluvatar_bench.stats.number_text import MINUS, RANGE
from iluvatar_bench.studies.field_clients import FieldPlace, right_life

IDLE = 20
"""Containers that only run, so that there is something to be watched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedBlock:
    """One stretch of time. ``lives``: containers that were made and removed a second.

    ``daemon_ms`` is containerd's own processor time for each of them, ``observer_cores`` that of
    the observer with its reader (0 without one).
    """

    observed: bool
    lives: float
    daemon_ms: float
    observer_cores: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """Mean of the differences of neighbouring blocks, with its 95 % t interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        mean, low, high = (
            f"{v:+.3g}".replace("-", MINUS) for v in (self.mean, self.low, self.high)
        )
        return f"{mean} [{low} {RANGE} {high}]"


def paired(blocks: Sequence[ObservedBlock], name: str) -> PairedDifference:
    """Of each pair of neighbours: observed less not observed."""
    values = [getattr(block, name) * (1 if block.observed else -1) for block in blocks]
    return mean_difference(np.asarray(values[0::2]) + np.asarray(values[1::2]))


def mean_difference(differences: npt.NDArray[np.float64]) -> PairedDifference:
    """The mean of two or more differences of pairs, with its 95 % t interval."""
    mean = float(differences.mean())
    error = float(differences.std(ddof=1) / np.sqrt(len(differences)))
    margin = float(scipy.stats.t.ppf(0.975, len(differences) - 1)) * error
    return PairedDifference(mean=mean, low=mean - margin, high=mean + margin)


async def measure_observation(*, pairs: int = 10, seconds: float = 10.0) -> list[ObservedBlock]:
    """So many pairs of blocks of so many seconds; which of a pair comes first is drawn by lot.

    Raises:
        EnvironmentProblem: the host lacks something.
    """
    built = await asyncio.to_thread(
        build_image, load_function("hello"), BuildOptions(byte_code=True)
    )
    chance = random.Random(1)
    blocks: list[ObservedBlock] = []
    with tempfile.TemporaryDirectory(prefix="observe-cost-") as scratch:
        async with daemon_with([built]) as node:
            image = await import_layout(
                node.client, built.layout, name=built.name, snapshotters=["overlayfs"]
            )
            place = FieldPlace(node=node, image=image, log_path=Path(scratch) / "log")
            for number in range(IDLE):
                record = place.record(
                    f"idle-{number}", owner="idle", cgroup=f"idle-{number}", named=True
                )
                await node.client.containers.create(record)
                await place.start(record)
            await _block(node, place, None, seconds=seconds)  # to be warm
            for number in range(pairs):
                for observed in chance.sample((True, False), 2):
                    folder = Path(scratch) / f"observed-{number}" if observed else None
                    blocks.append(await _block(node, place, folder, seconds=seconds))
    return blocks


async def _block(
    node: Node, place: FieldPlace, folder: Path | None, *, seconds: float
) -> ObservedBlock:
    listener = listener_at(node.address)
    assert listener is not None, "it is asked about every block"
    daemon = psutil.Process(listener.pid)
    async with AsyncExitStack() as stack:
        observers: list[psutil.Process] = []
        if folder is not None:
            before = set(psutil.Process().children(recursive=True))
            await stack.enter_async_context(observing_process(node.address, folder))
            observers = [p for p in psutil.Process().children(recursive=True) if p not in before]
        began, lives = time.monotonic(), 0
        spent, watched = processor_seconds([daemon]), processor_seconds(observers)
        while time.monotonic() - began < seconds:
            await right_life(place, f"life-{time.monotonic_ns()}", hold_seconds=0.0)
            lives += 1
        lasted = time.monotonic() - began
        return ObservedBlock(
            observed=folder is not None,
            lives=lives / lasted,
            daemon_ms=1000 * (processor_seconds([daemon]) - spent) / lives,
            observer_cores=(processor_seconds(observers) - watched) / lasted,
        )


def processor_seconds(processes: Sequence[psutil.Process]) -> float:
    """What they have used so far, themselves."""
    times = [process.cpu_times() for process in processes]
    return sum(one.user + one.system for one in times)


def cost_text(blocks: Sequence[ObservedBlock]) -> str:
    """The figures in a few lines."""
    without = [block for block in blocks if not block.observed]
    with_one = [block for block in blocks if block.observed]
    lives = float(np.mean([block.lives for block in without]))
    daemon = float(np.mean([block.daemon_ms for block in without]))
    cores = 100 * np.asarray([block.observer_cores for block in with_one])
    return "\n".join(
        (
            f"{len(without)} pairs of blocks, load {psutil.getloadavg()[0]:.1f} at the end",
            f"containers a second: {lives:.2f} without, {paired(blocks, 'lives')} with",
            f"containerd's processor time each, ms: {daemon:.1f} without, "
            f"{paired(blocks, 'daemon_ms')} with",
            f"observer, % of a core at that rate: {cores.mean():.2f} ({cores.min():.2f}{RANGE}"
            f"{cores.max():.2f})",
        )
    )


if __name__ == "__main__":
    given = [float(word) for word in sys.argv[1:]]
    count, length = int(given[0]) if given else 10, given[1] if len(given) > 1 else 10.0
    found = asyncio.run(measure_observation(pairs=count, seconds=length))
    sys.stdout.write(cost_text(found) + "\n")
