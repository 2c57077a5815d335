"""``notebook``: one notebook through papermill, or a grid of its parameters."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from iluvatar_bench.commands.interrupt import (
    INTERRUPTED_STATUS,
    run_stoppable,
    stop_notebooks,
)
from iluvatar_bench.commands.output import print_plain
from iluvatar_bench.commands.scheduler_options import (
    Scheduler,
    TlsCaFile,
    TlsCert,
    TlsKey,
    asked_scheduler,
)
from iluvatar_bench.errors import UsageError

if TYPE_CHECKING:
    import asyncio
    from contextlib import AbstractAsyncContextManager

    from iluvatar_bench.batch.grid import Grid
    from iluvatar_bench.batch.notebook import NotebookStopped
    from iluvatar_bench.batch.sweep.scheduler_link import SchedulerLink


def notebook_command(
    name: Annotated[str, typer.Argument(help="the notebook's name, or its file's")],
    parameters: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", metavar="KEY=VALUE[,VALUE]", help="set a parameter"),
    ] = None,
    results: Annotated[Path, typer.Option("--out", help="folder for results")] = Path("results"),
    cell_timeout: Annotated[
        int | None,
        typer.Option(help="seconds until a cell is ended in good order; default: no limit"),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="go on with a grid: skip the points that finished")
    ] = False,
    scheduler: Scheduler = None,
    tls_ca_file: TlsCaFile = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
) -> None:
    """Execute one notebook through papermill; a wrong name, type or value starts nothing.

    Several values make a grid: every combination is run once, and grid.csv has the failure rates
    of all of them. Where the notebook declares a list, give the parameter several times instead.
    With --scheduler its points are executed on the workers of a Dask scheduler.
    """
    from iluvatar_bench.batch.notebook_files import notebook_name

    name = notebook_name(name)
    from iluvatar_bench.batch.grid import grid_points
    from iluvatar_bench.batch.notebook import NotebookStopped, run_notebook

    points = grid_points(name, _values_by_key(parameters or ()))
    link = asked_scheduler(scheduler, {"ca": tls_ca_file, "cert": tls_cert, "key": tls_key})
    if link is not None:
        _grid_on_workers(name, points, link, results, resume, cell_timeout)
        return
    if len(points) > 1:
        _grid(name, points, results, resume, cell_timeout)
        return
    if resume:
        raise UsageError("--resume goes on with a grid, and these parameters are a single point")
    try:
        with stop_notebooks() as stop:
            executed = run_notebook(
                name,
                points[0],
                results=results,
                progress=sys.stderr.isatty(),
                cell_seconds=cell_timeout,
                stop=stop,
            )
    except NotebookStopped as stopped:
        say_what_is_kept(stopped)
        raise typer.Exit(INTERRUPTED_STATUS) from stopped
    for what, path in executed.paths():
        print_plain(f"{what}: {path}")


def say_what_is_kept(stopped: NotebookStopped) -> None:
    """Where a stopped notebook is, and the run that it had begun."""
    if stopped.executed is not None:
        for what, path in stopped.executed.paths():
            print_plain(f"{what}: {path}")
    print_plain(str(stopped))


def _grid(
    name: str,
    points: tuple[dict[str, Any], ...],
    results: Path,
    resume: bool,
    cell_timeout: int | None,
) -> None:
    from iluvatar_bench.batch.grid import run_grid

    with stop_notebooks() as stop:
        grid = run_grid(
            name,
            points,
            results=results,
            resume=resume,
            progress=sys.stderr.isatty(),
            cell_seconds=cell_timeout,
            say=print_plain,
            stop=stop,
        )
    _show_grid(grid, len(points), stopped=stop.is_set())


def _grid_on_workers(
    name: str,
    points: tuple[dict[str, Any], ...],
    link: AbstractAsyncContextManager[SchedulerLink],
    results: Path,
    resume: bool,
    cell_timeout: int | None,
) -> None:
    from iluvatar_bench.batch.sweep.notebook_points import run_points

    if "results" in points[0]:
        raise UsageError("what is executed on workers keeps its results in a folder: use --out")

    async def main(stop: asyncio.Event) -> Grid:
        async with link as connected:
            return await run_points(
                name,
                points,
                connected,
                results=results,
                resume=resume,
                cell_seconds=cell_timeout,
                stop=stop,
                say=print_plain,
            )

    grid, stopped = run_stoppable(main, told=_say_points_end, limited=False)
    _show_grid(grid, len(points), stopped=stopped)


def _say_points_end() -> None:
    os.write(2, b"\nfinishing the points that run; Ctrl-C once more gives them up\n")


def _show_grid(grid: Grid, asked: int, *, stopped: bool) -> None:
    for point in grid.points:
        for path in (point.notebook, *point.runs):
            if path is not None:
                print_plain(f"{'run' if path in point.runs else 'notebook'}: {grid.folder / path}")
    if grid.points:
        print_plain(f"table: {grid.folder / 'grid.csv'}")
    if stopped:
        print_plain(f"stopped after {len(grid.points)} of {asked} points; --resume goes on")
        raise typer.Exit(INTERRUPTED_STATUS)
    if grid.failed:
        print_plain(f"{len(grid.failed)} of {asked} points failed; --resume runs them again")
        raise typer.Exit(1)


def _values_by_key(parameters: Iterable[str]) -> dict[str, list[str]]:
    given: dict[str, list[str]] = {}
    for text in parameters:
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise UsageError(f"{text!r} is not of the form key=value")
        given.setdefault(key, []).append(value)
    return given
