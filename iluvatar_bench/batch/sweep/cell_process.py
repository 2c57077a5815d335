"""The process of one cell: ``python -m iluvatar_bench.batch.sweep.cell_process``."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING

from iluvatar_bench.batch.sweep.job_outcome import JobEnd, JobOutcome
from iluvatar_bench.batch.sweep.job_process import Asked, CallAtEnd, serve_job
from iluvatar_bench.batch.sweep.sweep_cells import SweepCell
from iluvatar_bench.errors import (
    EnvironmentProblem,
    IluvatarBenchError,
    InsufficientPrivilege,
    MissingProgram,
    NetworkConflict,
    UnusablePath,
    UsageError,
)
from iluvatar_bench.host.locks import lock_within
from iluvatar_bench.host.network.attachment import (
    DEFAULT_NETWORK,
    NetworkSettings,
)
from iluvatar_bench.host.network.ownership import NAME_PREFIX
from iluvatar_bench.host.whole_files import write_whole
from iluvatar_bench.records.run_status import RunStatus
from iluvatar_bench.runs.cold_start import run_cold_start
from iluvatar_bench.runs.function_record import same_function
from iluvatar_bench.runs.store import read_manifest

if TYPE_CHECKING:
    from iluvatar_bench.records.run_result import RunResult

RECORD = "cell.json"
"""In a cell's folder beside its run, once that is finished: which run it is."""

SAME_CELL_SECONDS = 60.0
"""So long an earlier process of the same cell may take to remove what it started."""

_SUBNETS = IPv4Network("10.128.0.0/9")
_SUBNET_PREFIX = 20
_TRIES = 64


async def run_cell_here(cell: SweepCell, home: Path) -> JobOutcome:
    """Run the cell below ``home``, or find that it was run there already.

    Its folder is ``home/<cell>``, with the run's in it; the run of an attempt that was cut off
    stays beside it, as such.
    """
    folder = home / cell.id
    begun = time.monotonic()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            run = finished_run(folder)
            if run is None:
                result = await _run_on_free_subnet(cell, folder)
                status = result.manifest["status"]
                if status != RunStatus.FINISHED:
                    return JobOutcome(end=JobEnd.FAILED, error=f"its run is {status}")
                run = result.folder
                write_whole(folder / RECORD, json.dumps({"run": run.name}) + "\n")
    except (MissingProgram, InsufficientPrivilege) as error:
        return JobOutcome(end=JobEnd.UNFIT_HOST, error=str(error))
    except (EnvironmentProblem, UsageError) as error:
        # The second: an image, or a source too large to travel, is not on this host.
        return JobOutcome(end=JobEnd.UNFIT, error=str(error))
    except IluvatarBenchError as error:
        return JobOutcome(end=JobEnd.FAILED, error=str(error))
    except OSError as error:
        told = f"cannot write to {folder}: {error.strerror or error}"
        return JobOutcome(end=JobEnd.UNFIT, error=told)
    except asyncio.CancelledError:
        return JobOutcome(end=JobEnd.GIVEN_UP, error="it was given up")
    seconds = round(time.monotonic() - begun, 1)
    return JobOutcome(end=JobEnd.FINISHED, place=str(run.resolve()), seconds=seconds)


def finished_run(folder: Path) -> Path | None:
    """The finished run of a cell's folder; None where there is none, or not whole."""
    try:
        run = folder / str(json.loads((folder / RECORD).read_text())["run"])
        return run if read_manifest(run)["status"] == RunStatus.FINISHED else None
    except (OSError, ValueError, LookupError, TypeError, IluvatarBenchError):
        return None


async def _run_on_free_subnet(cell: SweepCell, folder: Path) -> RunResult:
    """The run, on a bridge that is its own: other cells run beside it on this host."""
    function = await asyncio.to_thread(same_function, cell.function)
    for network in networks_for(cell):
        try:
            return await run_cold_start(
                cell.profile,
                trials=cell.trials,
                concurrency=cell.concurrency,
                seed=cell.seed,
                results=folder,
                function=function,
                hold_ms=cell.hold_ms,
                ready_seconds=cell.ready_seconds,
                network=network,
            )
        except NetworkConflict as error:
            conflict = error
    raise conflict


def networks_for(cell: SweepCell) -> Iterator[NetworkSettings]:
    """Bridges of a name that nobody has, on one subnet after the other, from one drawn by lot."""
    if cell.profile.transport != "tcp" or cell.profile.network != "bridge":
        yield DEFAULT_NETWORK
        return
    subnets = 2 ** (_SUBNET_PREFIX - _SUBNETS.prefixlen)
    first = secrets.randbelow(subnets)
    for step in range(_TRIES):
        start = int(_SUBNETS.network_address)
        start += ((first + step) % subnets) << (32 - _SUBNET_PREFIX)
        yield NetworkSettings(
            bridge=f"{NAME_PREFIX}-{secrets.token_hex(4)}",
            subnet=IPv4Network((start, _SUBNET_PREFIX)),
        )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else runs this cell here: a worker that was lost may still be removing its run.

    Raises:
        UnusablePath: somebody does, for a minute.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            # It blocks, and there is nothing else in this process that could go on.
            lock_within(descriptor, seconds=SAME_CELL_SECONDS)
        except TimeoutError as error:
            raise UnusablePath(f"{folder} is {error}") from error
        yield
    finally:
        os.close(descriptor)


def _serve(asked: Asked, call_at_end: CallAtEnd) -> JobOutcome:
    async def live() -> JobOutcome:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        call_at_end(lambda: loop.call_soon_threadsafe(task.cancel))
        return await run_cell_here(SweepCell.from_json(asked["cell"]), Path(asked["home"]))

    return asyncio.run(live())


if __name__ == "__main__":
    serve_job(_serve)
