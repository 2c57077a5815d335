"""Runs the cells of a grid on the workers of a scheduler, and keeps what comes of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from iluvatar_bench.batch.sweep.differences import unequal_hosts, unequal_versions
from iluvatar_bench.batch.sweep.drive import Drive, EndedJob
from iluvatar_bench.batch.sweep.grid_file import SweepGrid
from iluvatar_bench.batch.sweep.job_outcome import JobEnd, JobOutcome
from iluvatar_bench.batch.sweep.scheduler_link import SchedulerLink, SweepWorker
from iluvatar_bench.batch.sweep.sweep_cells import SweepCell, shuffled_blocks
from iluvatar_bench.batch.sweep.sweep_store import CellRecord, SweepRecord, SweepStore
from iluvatar_bench.batch.sweep.trial_part import TrialCounts, counts_of, part_path, trial_part
from iluvatar_bench.batch.sweep.worker_side import run_cell, versions_here
from iluvatar_bench.batch.sweep.workers_seen import Say, WorkersSeen
from iluvatar_bench.count_words import count_of


@dataclass(frozen=True, slots=True)
class SweepResult:
    """A sweep that ended, or was stopped. ``differing`` says in which facts its hosts differ,
    ``left`` counts the cells that were not run."""

    records: tuple[CellRecord, ...]
    differing: tuple[str, ...]
    left: int

    @property
    def failed(self) -> tuple[CellRecord, ...]:
        """The cells that have no finished run."""
        return tuple(one for one in self.records if one.end is not JobEnd.FINISHED)


async def run_sweep(
    grid: SweepGrid,
    link: SchedulerLink,
    store: SweepStore,
    *,
    home: Path | None,
    found: Mapping[str, CellRecord],
    stop: asyncio.Event,
    say: Say = lambda _: None,
) -> SweepResult:
    """Run every cell that is not finished, each on its host; keep part and record as each ends.

    ``home`` is the folder for the runs; None: one of the sweep's own in ``results``, below the
    folder that each worker stands in. ``found`` are the cells that are finished. ``say`` is called
    with a line for people. After ``stop`` is set no cell is begun, and those that run are finished;
    cancelled, they are given up.

    Raises:
        NoScheduler: no worker can be given cells; or none came back in time. What had ended is
            kept.
        EnvironmentProblem: versions differ; or what ends cannot be written.
    """
    wanted = {cell.id: cell for cell in grid.cells}
    to_run = [cell for id, cell in wanted.items() if id not in found]
    versions = await asyncio.to_thread(versions_here)
    seen = WorkersSeen(link, versions=versions, say=say)
    if to_run:
        # Before anything is written: a sweep that finds no worker has not begun.
        await seen.look_first()
    begun = await asyncio.to_thread(store.begun, versions=versions)
    _say_mixtures(found.keys() - wanted.keys(), begun, versions, say)
    folder = str(home or Path("results", begun.runs))

    async def submit(cell: SweepCell, worker: SweepWorker) -> JobOutcome:
        return await link.ask(cell.id, worker, run_cell, cell.as_json(), cell.id, folder)

    done = [record for id, record in found.items() if id in wanted]
    ended = _Ended(store, total=len(wanted), done=done, hostname=seen.hostname, say=say)
    hosts = dict(begun.hosts)
    try:
        if to_run:
            blocks = shuffled_blocks(to_run, order_seed=grid.order_seed)
            drive = Drive[SweepCell](link, seen, submit=submit, keep=ended.keep, say=say, stop=stop)
            begun_on = {record.seed: record.host for record in done}
            homes = [begun_on.get(block[0].seed) for block in blocks]
            await drive.run(blocks, order_seed=grid.order_seed, homes=homes)
    finally:
        hosts |= seen.host_facts
        if ended.records:
            await asyncio.to_thread(store.keep_table, ended.records)
            await asyncio.to_thread(store.keep_sweep, replace(begun, hosts=hosts))
    used = {record.host for record in ended.records}
    differing = unequal_hosts({host: facts for host, facts in hosts.items() if host in used})
    return SweepResult(tuple(ended.records), differing, len(wanted) - len(ended.records))


def _say_mixtures(
    others: Collection[str], begun: SweepRecord, versions: dict[str, str], say: Say
) -> None:
    """What makes the dataset one of unlike things: other cells, other versions."""
    if others:
        told = count_of(len(others), "cell")
        say(
            f"the dataset has {told} of another grid of this name; its column cell tells them apart"
        )
    if unequal := unequal_versions(versions, {"its first cells": begun.versions}):
        say(f"this sweep was begun by other versions: {unequal}")


class _Ended:
    """The cells that have ended so far, and how."""

    def __init__(
        self,
        store: SweepStore,
        *,
        total: int,
        done: Iterable[CellRecord],
        hostname: Callable[[str], str],
        say: Say,
    ) -> None:
        self._store, self._total, self._say = store, total, say
        self._hostname = hostname
        self.records: list[CellRecord] = list(done)
        self._so_far = sum(map(_counts, self.records), TrialCounts())

    async def keep(self, ended: EndedJob[SweepCell]) -> None:
        """Write down what came of a cell: its part of the dataset, then its record."""
        cell, host, outcome = ended.job, ended.host, ended.outcome
        counts = TrialCounts()
        if outcome.payload is not None:
            counts = counts_of(outcome.payload)
            part = trial_part(outcome.payload, cell, host=host)
            await asyncio.to_thread(self._store.keep_part, part_path(cell), part)
        record = CellRecord(
            cell=cell.id,
            **cell.axes,  # type: ignore[arg-type]
            end=outcome.end,
            host=host,
            hostname=self._hostname(host),
            run=outcome.place,
            error=outcome.error,
            lost=ended.losses,
            seconds=outcome.seconds,
            trials=counts.trials,
            ok=counts.ok,
            failed=counts.failed,
            unknown=counts.unknown,
            classes=dict(counts.classes),
        )
        await asyncio.to_thread(self._store.keep_record, record)
        self.records.append(record)
        self._so_far += counts
        told = counts.told() if outcome.end is JobEnd.FINISHED else f"{outcome.error}"
        self._say(
            f"{len(self.records)}/{self._total} {cell.told} on {host or 'no host'}: {told}; "
            f"so far {self._so_far.told()}"
        )


def _counts(record: CellRecord) -> TrialCounts:
    return TrialCounts(
        record.trials, record.ok, record.failed, record.unknown, Counter(record.classes)
    )
