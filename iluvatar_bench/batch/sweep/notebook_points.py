"""A notebook over a grid of parameters, its points on the workers of a scheduler.

What a point wrote (the executed notebook, its HTML, its runs) comes back from its worker and stands
in the grid's folder, as if it had been executed here.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from iluvatar_bench.batch.grid import (
    Grid,
    Point,
    begin_grid,
    finished_point,
    keep_table,
    read_point,
    told_parameters,
    write_point,
)
from iluvatar_bench.batch.sweep.drive import Drive, EndedJob
from iluvatar_bench.batch.sweep.job_outcome import JobOutcome
from iluvatar_bench.batch.sweep.packed_folder import unpack_folder
from iluvatar_bench.batch.sweep.scheduler_link import SchedulerLink, SweepWorker
from iluvatar_bench.batch.sweep.worker_side import run_point, versions_here
from iluvatar_bench.batch.sweep.workers_seen import Say, WorkersSeen
from iluvatar_bench.host.whole_files import whole_folder


@dataclass(frozen=True, slots=True)
class _PointJob:
    """One point that is to be run."""

    number: int
    name: str
    parameters: Mapping[str, Any]

    @property
    def id(self) -> str:
        """A hash of what it asks."""
        asked = json.dumps([self.name, dict(self.parameters)], sort_keys=True)
        return f"point-{hashlib.sha256(asked.encode()).hexdigest()[:16]}"

    @property
    def told(self) -> str:
        """Its parameters."""
        return told_parameters(self.parameters)


async def run_points(
    name: str,
    points: Sequence[Mapping[str, Any]],
    link: SchedulerLink,
    *,
    results: Path,
    resume: bool,
    cell_seconds: int | None,
    stop: asyncio.Event,
    say: Say,
) -> Grid:
    """As ``batch.grid.run_grid``, on the scheduler's workers, several at once.

    After ``stop`` is set no point is begun, and those that run are finished.

    Raises:
        UsageError: the grid was begun before and ``resume`` is not set.
        UnusablePath: ``results`` cannot be written to.
        NoScheduler: no worker can be given points; or none came back in time.
        EnvironmentProblem: versions differ.
    """
    versions = await asyncio.to_thread(versions_here)
    seen = WorkersSeen(link, versions=versions, say=say)
    # Before anything is written: a grid that finds no worker has not begun.
    await seen.look_first()
    folder = begin_grid(name, points, results=results, resume=resume)
    found = {number: finished_point(folder, number) for number in range(len(points))}
    ended = {number: point for number, point in found.items() if point is not None}
    jobs = [
        _PointJob(number, name, parameters)
        for number, parameters in enumerate(points)
        if number not in ended
    ]

    async def submit(job: _PointJob, worker: SweepWorker) -> JobOutcome:
        given = (job.id, name, dict(job.parameters), f"results/{folder.name}", cell_seconds)
        return await link.ask(job.id, worker, run_point, *given)

    async def keep(done: EndedJob[_PointJob]) -> None:
        point = await asyncio.to_thread(_brought, done, folder)
        write_point(folder, done.job.number, point)
        ended[done.job.number] = point
        await asyncio.to_thread(keep_table, folder, ended)
        state = point.error or "finished"
        say(f"{len(ended)}/{len(points)} {done.job.told} on {done.host or 'no host'}: {state}")

    if jobs:
        drive = Drive[_PointJob](link, seen, submit=submit, keep=keep, say=say, stop=stop)
        await drive.run([[job] for job in jobs], order_seed=1)
    table = await asyncio.to_thread(keep_table, folder, ended)
    return Grid(folder=folder, points=tuple(ended[n] for n in sorted(ended)), table=table)


def _brought(done: EndedJob[_PointJob], folder: Path) -> Point:
    """The point's folder, out of what its worker sent; its paths as they are here."""
    parameters = dict(done.job.parameters)
    if done.outcome.payload is None:
        return Point(parameters=parameters, error=done.outcome.error, notebook=None, runs=())
    below = f"point-{done.job.number:04}"
    with whole_folder(folder / below) as draft:
        unpack_folder(done.outcome.payload, draft)
    point = read_point(folder / below, 0)
    if point is None:
        return Point(parameters=parameters, error="its record is damaged", notebook=None, runs=())
    return replace(
        point,
        notebook=point.notebook and f"{below}/{point.notebook}",
        runs=tuple(f"{below}/{run}" for run in point.runs),
    )
