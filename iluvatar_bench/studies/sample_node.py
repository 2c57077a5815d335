"""A node with clients of several kinds, observed: for a notebook, and where there is no other."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from pathlib import Path

from iluvatar_bench.containerd.oci.image_import import import_layout
from iluvatar_bench.errors import UsageError
from iluvatar_bench.functions import build_image, daemon_with, load_function
from iluvatar_bench.observe import ObserveSettings, observe
from iluvatar_bench.observe.process import observing_process
from iluvatar_bench.observe.write_tables import write_observed
from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.runs import open_run
from iluvatar_bench.studies.field_clients import FieldPlace, field_clients

LAST_SECONDS = 5.0
"""What is left for the last removals to be seen."""


async def observe_sample_node(results: Path, *, seconds: float, seed: int = 1) -> RunResult:
    """Observe a private containerd for so long, with a worker of 2022 among its clients.

    The folder is a new one below ``results``; the worker's log lies beside it.

    Raises:
        UsageError: ``seconds`` is not above 0; nothing was started.
        EnvironmentProblem: the host lacks something; nothing was started.
    """
    _require_positive(seconds)
    built = await asyncio.to_thread(build_image, load_function("hello"))
    folder = _new_folder(results)
    log_path = folder.with_name(f"{folder.name}-worker.log")
    log_path.touch()
    async with daemon_with([built]) as node:
        image = await import_layout(
            node.client, built.layout, name=built.name, snapshotters=["overlayfs"]
        )
        place = FieldPlace(node=node, image=image, log_path=log_path, chance=random.Random(seed))
        async with observing_process(node.address, folder, logs=(log_path,)) as observing:
            async with field_clients(place):
                await asyncio.wait((observing,), timeout=seconds)
            await asyncio.wait((observing,), timeout=LAST_SECONDS)
    await asyncio.to_thread(write_observed, folder)
    return open_run(folder)


async def observe_node(address: Path, results: Path, *, seconds: float) -> RunResult:
    """Observe a containerd that runs already, for so long, read-only.

    The folder is a new one below ``results``.

    Raises:
        UsageError: ``seconds`` is not above 0; nothing was started.
        UnusablePath, Unreachable: there is no containerd.
    """
    _require_positive(seconds)
    folder = _new_folder(results)
    settings = ObserveSettings(address=address, out=folder)
    await observe(settings, stop=asyncio.Event(), seconds=seconds)
    await asyncio.to_thread(write_observed, folder)
    return open_run(folder)


def _new_folder(results: Path) -> Path:
    folder = results / f"observed-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    folder.mkdir(parents=True)
    return folder


def _require_positive(seconds: float) -> None:
    if not seconds > 0:
        raise UsageError(f"an observation lasts longer than {seconds:g} s")
