"""``notebook``: one notebook through papermill, or a grid of its parameters."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from iluvatar_bench.commands.output import print_plain
from iluvatar_bench.errors import UsageError


def notebook_command(
    name: Annotated[str, typer.Argument(help="the notebook's name, without .ipynb")],
    parameters: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", metavar="KEY=VALUE[,VALUE]", help="set a parameter"),
    ] = None,
    results: Annotated[Path, typer.Option("--out", help="folder for results")] = Path("results"),
    cell_timeout: Annotated[
        int | None, typer.Option(help="seconds that a cell may take; default: no limit")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="go on with a grid: skip the points that finished")
    ] = False,
) -> None:
    """Execute one notebook through papermill; a wrong name, type or value starts nothing.

    Several values make a grid: every combination is run once, and grid.csv has the failure rates
    of all of them. Where the notebook declares a list, give the parameter several times instead.
    """
    from iluvatar_bench.batch.grid import grid_points
    from iluvatar_bench.batch.notebook import run_notebook

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
    executed = run_notebook(
        name,
        {"results": str(results.resolve()), **points[0]},
        results=results,
        progress=sys.stderr.isatty(),
        cell_seconds=cell_timeout,
    )
    print_plain(f"notebook: {executed.notebook}")
    print_plain(f"HTML: {executed.html}")
    for folder in executed.run_folders:
        print_plain(f"run: {folder}")


def _grid(
    name: str,
    points: tuple[dict[str, Any], ...],
    results: Path,
    resume: bool,
    cell_timeout: int | None,
) -> None:
    from iluvatar_bench.batch.grid import run_grid

    grid = run_grid(
        name,
        points,
        results=results,
        resume=resume,
        progress=sys.stderr.isatty(),
        cell_seconds=cell_timeout,
        say=print_plain,
    )
    print_plain(f"table: {grid.folder / 'grid.csv'}")
    if grid.failed:
        print_plain(f"{len(grid.failed)} of {len(points)} points failed; --resume runs them again")
        raise typer.Exit(1)


def _key_and_value(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise UsageError(f"{text!r} is not of the form key=value")
    return key, value
