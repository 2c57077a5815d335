"""``notebook``: one notebook through papermill, or a grid of its parameters."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from iluvatar_bench.commands.interrupt import INTERRUPTED_STATUS, stop_notebooks
from iluvatar_bench.commands.output import print_plain
from iluvatar_bench.errors import UsageError

if TYPE_CHECKING:
    from iluvatar_bench.batch.notebook import NotebookStopped


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
) -> None:
    """Execute one notebook through papermill; a wrong name, type or value starts nothing.

    Several values make a grid: every combination is run once, and grid.csv has the failure rates
    of all of them. Where the notebook declares a list, give the parameter several times instead.
    """
    from iluvatar_bench.batch.notebook_files import notebook_name

    name = notebook_name(name)
    from iluvatar_bench.batch.grid import grid_points
    from iluvatar_bench.batch.notebook import NotebookStopped, run_notebook

    given: dict[str, list[str]] = {}
    for text in parameters or ():
        key, value = _key_and_value(text)
        given.setdefault(key, []).append(value)
    points = grid_points(name, given)
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
    for point in grid.points:
        for path in (point.notebook, *point.runs):
            if path is not None:
                print_plain(f"{'run' if path in point.runs else 'notebook'}: {grid.folder / path}")
    if grid.points:
        print_plain(f"table: {grid.folder / 'grid.csv'}")
    if stop.is_set():
        print_plain(f"stopped after {len(grid.points)} of {len(points)} points; --resume goes on")
        raise typer.Exit(INTERRUPTED_STATUS)
    if grid.failed:
        print_plain(f"{len(grid.failed)} of {len(points)} points failed; --resume runs them again")
        raise typer.Exit(1)


def _key_and_value(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise UsageError(f"{text!r} is not of the form key=value")
    return key, value
