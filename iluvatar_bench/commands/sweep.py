"""``sweep``: a grid of runs, on worker processes of this host or on the workers of a scheduler."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from iluvatar_bench.commands.interrupt import INTERRUPTED_STATUS, run_stoppable
from iluvatar_bench.commands.options import AsJson
from iluvatar_bench.commands.output import err, print_json, print_plain, print_rows
from iluvatar_bench.commands.scheduler_options import (
    Scheduler,
    TlsCaFile,
    TlsCert,
    TlsKey,
    asked_scheduler,
)
from iluvatar_bench.count_words import count_of
from iluvatar_bench.errors import EnvironmentProblem, UsageError

if TYPE_CHECKING:
    import asyncio
    from contextlib import AbstractAsyncContextManager

    from iluvatar_bench.batch.sweep.grid_file import SweepGrid
    from iluvatar_bench.batch.sweep.run_sweep import SweepResult
    from iluvatar_bench.batch.sweep.scheduler_link import SchedulerLink
    from iluvatar_bench.batch.sweep.sweep_store import CellRecord, SweepStore

MOST_WORKERS = 64


def sweep_command(
    grid: Annotated[Path, typer.Argument(metavar="GRID.yaml", help="profiles x ... x seeds")],
    scheduler: Scheduler = None,
    out: Annotated[
        str, typer.Option(metavar="URL", help="folder, or URL of fsspec, for the dataset")
    ] = "results",
    resume: Annotated[
        bool, typer.Option("--resume", help="go on: cells that are finished are not run again")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_WORKERS,
            help="processes here, a containerd each; default: one for two processors",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the cells in order")] = False,
    tls_ca_file: TlsCaFile = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    as_json: AsJson = False,
) -> None:
    """Run every cell of a grid once: profiles x snapshotters x concurrency x functions x seeds.

    The cells of a seed are run on one host, so hosts are blocks. Ctrl-C lets the cells that run
    come to their end; once more gives them up.
    """
    remote = asked_scheduler(scheduler, {"ca": tls_ca_file, "cert": tls_cert, "key": tls_key})
    if remote is not None and workers is not None:
        raise UsageError("--workers are of this host; those of --scheduler are started there")
    from iluvatar_bench.batch.sweep.grid_file import read_sweep_grid
    from iluvatar_bench.batch.sweep.sweep_store import SweepStore

    asked = read_sweep_grid(grid)
    store = SweepStore(out, name=asked.name)
    if dry_run:
        _show_plan(asked, as_json)
        return
    link, home = remote, None
    if link is None:
        link, home = _workers_here(workers), store.folder
    result, stopped = _run(asked, link, store, home=home, resume=resume, as_json=as_json)
    _show(result, store, as_json)
    if stopped:
        raise typer.Exit(INTERRUPTED_STATUS)
    if result.failed:
        raise typer.Exit(1)


def _workers_here(number: int | None) -> AbstractAsyncContextManager[SchedulerLink]:
    from iluvatar_bench.batch.sweep.scheduler_link import own_workers
    from iluvatar_bench.batch.sweep.worker_side import problem_here

    problem = problem_here()
    if problem is not None:
        raise EnvironmentProblem(f"this host cannot run cells: {problem}")
    return own_workers(number or max(1, (os.cpu_count() or 1) // 2))


def _run(
    asked: SweepGrid,
    link: AbstractAsyncContextManager[SchedulerLink],
    store: SweepStore,
    *,
    home: Path | None,
    resume: bool,
    as_json: bool,
) -> tuple[SweepResult, bool]:
    say: Callable[[str], None] = _to_stderr if as_json else print_plain
    found = store.finished(resume=resume)
    if found:
        say(f"finished already: {count_of(len(found), 'cell')}")

    async def main(stop: asyncio.Event) -> SweepResult:
        # Not before: with it come pandas and pyarrow.
        from iluvatar_bench.batch.sweep.run_sweep import run_sweep

        async with link as connected:
            if (pages := await connected.dashboard()) is not None:
                say(_told_pages(pages))
            return await run_sweep(
                asked, connected, store, home=home, found=found, stop=stop, say=say
            )

    return run_stoppable(main, told=_say_stopping, limited=False)


def _told_pages(link: str) -> str:
    """Dask's link has the scheduler's own address, also where its pages are on loopback alone."""
    from urllib.parse import urlsplit

    from iluvatar_bench.batch.sweep.addresses import is_loopback

    at = urlsplit(link)
    if is_loopback(str(at.hostname)):
        return f"Dask's pages: {link}"
    tunnel = f"ssh -L {at.port}:localhost:{at.port} {at.hostname}"
    return f"Dask's pages: {link}, or, where they are for that host alone: {tunnel}"


def _show_plan(asked: SweepGrid, as_json: bool) -> None:
    from iluvatar_bench.batch.sweep.sweep_cells import shuffled_blocks

    rows = [
        {"block": number, "cell": cell.id, **cell.axes}
        for number, block in enumerate(shuffled_blocks(asked.cells, order_seed=asked.order_seed))
        for cell in block
    ]
    if as_json:
        print_json(rows)
    else:
        print_rows(list(rows[0]), [list(row.values()) for row in rows])


def _show(result: SweepResult, store: SweepStore, as_json: bool) -> None:
    if as_json:
        from dataclasses import asdict

        print_json(
            {
                "dataset": f"{store.url}/trials",
                "cells": [asdict(record) for record in result.records],
                "hosts_differ": list(result.differing),
                "left": result.left,
            }
        )
        return
    if result.records:
        print_rows(*_table(result.records))
    for text in result.differing:
        print_plain(f"hosts differ in {text}")
    for record in result.failed:
        print_plain(f"cell {record.cell} has no finished run: {record.error}")
    if result.left or result.failed:
        told = f"{count_of(result.left, 'cell')} not run, {len(result.failed)} failed"
        print_plain(f"{told}; --resume goes on")
    print_plain(f"dataset: {store.shown}/trials")


def _table(records: tuple[CellRecord, ...]) -> tuple[list[str], list[list[Any]]]:
    """The trials of all seeds together, by what else the grid varies."""
    axes = ("profile", "snapshotter", "concurrency", "function")
    groups: dict[tuple[Any, ...], list[CellRecord]] = {}
    for record in records:
        groups.setdefault(tuple(getattr(record, axis) for axis in axes), []).append(record)
    classes = sorted({name for record in records for name in record.classes})
    rows = []
    for at, group in sorted(groups.items()):
        counts = [sum(getattr(r, name) for r in group) for name in ("trials", "ok", "unknown")]
        rows.append([*at, *counts, *(sum(r.classes.get(c, 0) for r in group) for c in classes)])
    return [*axes, "trials", "ok", "unknown", *classes], rows


def _to_stderr(text: str) -> None:
    err.print(text, soft_wrap=True, markup=False)


def _say_stopping() -> None:
    os.write(2, b"\nfinishing the cells that run; Ctrl-C once more gives them up\n")
