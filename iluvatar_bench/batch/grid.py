"""A notebook over a grid of parameters: every combination once, and one table of all of them.

A grid's folder is named by what it asks for, so the same request finds it again and can go on
where it stopped. Each point that ended has a file of its own there, ``point-<number>.json``.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import TypeAdapter

from iluvatar_bench.batch.notebook import NotebookFailed, NotebookStopped, run_notebook
from iluvatar_bench.batch.parameters import check_parameters, parameter_types
from iluvatar_bench.batch.stop import NotebookStop
from iluvatar_bench.errors import UnusablePath, UsageError
from iluvatar_bench.host.whole_files import whole_file, write_whole
from iluvatar_bench.runs import open_run


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One point of the grid that ended. Paths are relative to the grid's folder."""

    parameters: dict[str, Any]
    error: str | None
    notebook: str | None
    runs: tuple[str, ...]


_POINT = TypeAdapter(Point)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A grid that was gone through: its folder, its points in order, and its table.

    Stopped early, it lacks the points that had not begun; ``resume`` makes up for them.

    ``table`` has a row for each point and row of its runs' failure rates: ``point`` (from 0),
    ``param_<name>`` for each parameter given, ``error``, ``notebook``, ``run``, then the columns
    of ``stats.failure_rates``, missing where a point failed or made no run.
    """

    folder: Path
    points: tuple[Point, ...]
    table: pd.DataFrame

    @property
    def failed(self) -> tuple[Point, ...]:
        """The points whose notebook failed."""
        return tuple(point for point in self.points if point.error)


def grid_points(name: str, given: Mapping[str, Sequence[str]]) -> tuple[dict[str, Any], ...]:
    """Every combination of the values given, checked; the last parameter varies fastest.

    A comma separates the values of a parameter, unless the notebook declares a list: there it
    separates the list's members, and the parameter is given several times to vary it.

    Raises:
        UsageError: as ``check_parameters``, for any of the points.
    """
    types = parameter_types(name)
    axes = {
        key: [
            value
            for text in texts
            for value in ([text] if types.get(key, "list").startswith("list") else text.split(","))
        ]
        for key, texts in given.items()
    }
    combinations = list(itertools.product(*axes.values()))
    if len(combinations) > 1 and "results" in given:
        raise UsageError("a grid keeps its results in a folder of its own: use --out")
    return tuple(
        check_parameters(name, dict(zip(axes, values, strict=True))) for values in combinations
    )


def run_grid(
    name: str,
    points: Sequence[Mapping[str, Any]],
    *,
    results: Path,
    resume: bool = False,
    progress: bool = True,
    cell_seconds: int | None = None,
    say: Callable[[str], None] = lambda _: None,
    stop: NotebookStop | None = None,
) -> Grid:
    """Execute the notebook at each point and write ``grid.csv``; a point that fails is recorded.

    With ``resume`` the points of the same grid that finished before are not run again; those that
    failed, or were stopped, are. ``say`` is called with a line as each point ends. After ``stop``
    is asked for, the point under way ends in good order and no further one begins.

    Raises:
        UsageError: the grid was begun before and ``resume`` is not set, or as ``run_notebook``.
        UnusablePath: ``results`` cannot be written to.
    """
    folder = begin_grid(name, points, results=results, resume=resume)
    ended: dict[int, Point] = {}
    table = pd.DataFrame()
    wish = stop or NotebookStop()
    for number, parameters in enumerate(points):
        if wish.is_set():
            break
        found = finished_point(folder, number)
        point = found or execute_point(
            name, parameters, folder, progress=progress, cell_seconds=cell_seconds, stop=wish
        )
        if found is None:
            write_point(folder, number, point)
        state = "found" if found else point.error or "finished"
        say(f"{number + 1}/{len(points)} {told_parameters(parameters)}: {state}")
        ended[number] = point
        # After each point: a grid that is stopped leaves a table of what it had.
        table = keep_table(folder, ended)
    return Grid(folder=folder, points=tuple(ended.values()), table=table)


def begin_grid(
    name: str, points: Sequence[Mapping[str, Any]], *, results: Path, resume: bool
) -> Path:
    """The folder of the grid, which is there then.

    Raises:
        UsageError: it was there before, and ``resume`` is not set.
        UnusablePath: ``results`` cannot be written to.
    """
    folder = results.resolve() / _folder_name(name, points)
    if folder.exists() and not resume:
        raise UsageError(f"this grid was begun before: --resume goes on in {folder}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnusablePath(f"cannot write results to {results}: {error.strerror}") from error
    return folder


def told_parameters(parameters: Mapping[str, Any]) -> str:
    """A point's parameters in a line for people."""
    return ", ".join(f"{key}={value}" for key, value in parameters.items())


def execute_point(
    name: str,
    parameters: Mapping[str, Any],
    folder: Path,
    *,
    progress: bool,
    cell_seconds: int | None,
    stop: NotebookStop,
) -> Point:
    """Execute the notebook below ``folder``; that it failed, or was stopped, is in the point.

    Raises:
        As ``run_notebook``, but for what a point tells.
    """
    error = None
    executed = None
    try:
        executed = run_notebook(
            name,
            parameters,
            results=folder,
            progress=progress,
            cell_seconds=cell_seconds,
            stop=stop,
        )
    except NotebookStopped as stopped:
        error, executed = str(stopped), stopped.executed
    except NotebookFailed as failed:
        error = str(failed)
    return Point(
        parameters=dict(parameters),
        error=error,
        notebook=os.path.relpath(executed.notebook, folder) if executed else None,
        runs=tuple(os.path.relpath(run, folder) for run in executed.run_folders)
        if executed
        else (),
    )


def finished_point(folder: Path, number: int) -> Point | None:
    """The point as it was written down, if it finished."""
    point = read_point(folder, number)
    return None if point is None or point.error else point


def read_point(folder: Path, number: int) -> Point | None:
    """The point as it was written down; None: it is not there.

    One that this version did not write, or that was damaged since, is as one that is not there.
    """
    try:
        return _POINT.validate_json(_record(folder, number).read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def write_point(folder: Path, number: int, point: Point) -> None:
    """Whole or not at all, whenever this process ends."""
    write_whole(_record(folder, number), json.dumps(asdict(point), indent=2) + "\n")


def _record(folder: Path, number: int) -> Path:
    return folder / f"point-{number:04}.json"


def keep_table(folder: Path, points: Mapping[int, Point]) -> pd.DataFrame:
    """Write ``grid.csv`` of the points that ended, by their numbers."""
    table = _table(folder, points)
    with whole_file(folder / "grid.csv") as draft:
        table.to_csv(draft, index=False)
    return table


def _table(folder: Path, points: Mapping[int, Point]) -> pd.DataFrame:
    parts = [pd.DataFrame()] if not points else []
    for number, point in sorted(points.items()):
        about = {
            "point": number,
            **{f"param_{key}": _cell(value) for key, value in point.parameters.items()},
            "error": point.error,
            "notebook": point.notebook,
        }
        runs: list[tuple[str | None, pd.DataFrame]] = [
            (run, open_run(folder / run).rates) for run in point.runs
        ]
        for run, rates in runs or [(None, pd.DataFrame(index=[0]))]:
            part = rates.copy()
            for position, (key, value) in enumerate({**about, "run": run}.items()):
                part.insert(position, key, value)
            parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _cell(value: Any) -> Any:
    return ",".join(map(str, value)) if isinstance(value, list) else value


def _key(parameters: Mapping[str, Any]) -> str:
    return json.dumps(dict(parameters), sort_keys=True)


def _folder_name(name: str, points: Sequence[Mapping[str, Any]]) -> str:
    asked = "\n".join([name, *map(_key, points)])
    return f"grid-{name}-{hashlib.sha256(asked.encode()).hexdigest()[:8]}"
