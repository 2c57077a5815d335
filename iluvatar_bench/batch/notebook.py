"""Runs one notebook through papermill, strictly: a wrong parameter is an error before anything
starts (papermill itself only warns), and a failure inside is one line, not a page.
"""

from __future__ import annotations

import ast
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import papermill
from jupyter_core.paths import jupyter_runtime_dir
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from papermill.exceptions import PapermillExecutionError
from pydantic import TypeAdapter, ValidationError
from traitlets.config import Config

from iluvatar_bench import errors
from iluvatar_bench.errors import IluvatarBenchError, UnusablePath, UsageError
from iluvatar_bench.functions import find_source
from iluvatar_bench.profiles import resolve_profile
from iluvatar_bench.records.run_result import RUN_MIME
from iluvatar_bench.runs import find_run
from iluvatar_bench.shipped import NOTEBOOKS

NOTEBOOK_HOME = NOTEBOOKS

_TYPES: dict[str, Any] = {
    "int": int,
    "float": float,
    "str": str,
    "bool": bool,
    "list[str]": list[str],
    "list[int]": list[int],
    "list[float]": list[float],
}
"""The types that a notebook's parameters may be annotated with."""


class NotebookFailed(IluvatarBenchError):
    """A cell raised; the executed part of the notebook is kept."""

    def __init__(self, message: str, *, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Executed:
    """An executed notebook, its HTML, and the folders of the runs it made."""

    notebook: Path
    html: Path
    run_folders: tuple[Path, ...]


def _path(value: str) -> str:
    return str(Path(value).resolve()) if Path(value).exists() else value


def _run(value: str) -> str:
    return str(find_run(value).resolve()) if value else value


def _recorded(value: str) -> str:
    """A recorded run, or a folder of tables such as those of the dose notebooks."""
    folder = Path(value)
    tables = (
        folder.is_dir() and any(folder.glob("*.csv")) and not (folder / "manifest.json").exists()
    )
    return str(folder.resolve()) if tables else _run(value)


def _function(value: str) -> str:
    find_source(value)
    return _path(value)


def _profile(value: str) -> str:
    resolve_profile(value, ())
    return value


_MEANINGS: dict[str, Callable[[Any], Any]] = {
    "profile": _profile,
    "profiles": _profile,
    "function": _function,
    "functions": _function,
    "recorded": _recorded,
    "wrong": _run,
    "right": _run,
    "baseline": _run,
    "candidate": _run,
    "results": lambda value: str(Path(value).resolve()),
    "paths": _path,
    "address": _path,
}
"""What a parameter of this name means in every notebook: checked before a kernel starts. Where a
notebook declares a list, each value in it has the meaning.

Relative paths are the caller's: the kernel runs elsewhere.
"""


def notebook_names() -> tuple[str, ...]:
    """Every notebook there is, by name."""
    return tuple(sorted(path.stem for path in NOTEBOOK_HOME.glob("*.ipynb")))


def check_parameters(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The given parameters, converted to the types that the notebook declares.

    Text is converted (``"40"`` to 40); a list may be given as text with commas. Profiles,
    functions and runs must exist; relative paths become absolute.

    Raises:
        UsageError: no such notebook or parameter, a value that is not of its type, or the name
            of something that there is not.
    """
    declared = parameter_types(name)
    checked: dict[str, Any] = {}
    for key, value in given.items():
        if key not in declared:
            raise UsageError(
                f"notebook {name} has no parameter {key!r}; there are: {', '.join(declared)}"
            )
        converted = _converted(key, value, declared[key])
        meaning = _MEANINGS.get(key, lambda value: value)
        several = isinstance(converted, list)
        checked[key] = [meaning(one) for one in converted] if several else meaning(converted)
    return checked


def parameter_types(name: str) -> dict[str, str]:
    """Parameter to type, from the cell tagged ``parameters``, in order.

    Read with ``ast``: papermill's own inspection passes over lines that it cannot read.

    Raises:
        UsageError: no such notebook, or one without exactly one readable cell of parameters.
    """
    path = NOTEBOOK_HOME / f"{name}.ipynb"
    if not path.is_file():
        raise UsageError(f"no notebook {name!r}; there are: {', '.join(notebook_names())}")
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    cells = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", ())]
    if len(cells) != 1:
        raise UsageError(f"notebook {path.stem} has {len(cells)} cells tagged 'parameters', not 1")
    declared: dict[str, str] = {}
    for statement in ast.parse(cells[0].source).body:
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            raise UsageError(
                f"notebook {path.stem}: {ast.unparse(statement)!r} in its parameters cell is not "
                "of the form name: type = value"
            )
        declared[statement.target.id] = ast.unparse(statement.annotation)
    return declared


def _converted(key: str, value: Any, type_name: str) -> Any:
    wanted = _TYPES.get(type_name)
    if wanted is None:
        raise UsageError(f"parameter {key} declares the type {type_name!r}, which is not supported")
    is_list = type_name.startswith("list")
    if is_list and isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    try:
        return TypeAdapter(wanted).validate_python(value)
    except ValidationError as error:
        raise UsageError(f"parameter {key} must be {type_name}, not {value!r}") from error


def run_notebook(
    name: str,
    parameters: Mapping[str, Any],
    *,
    results: Path,
    progress: bool = True,
    cell_seconds: int | None = None,
) -> Executed:
    """Execute a notebook and keep it, with its HTML, in the folder of the run it made.

    A notebook that makes no run, several, or that fails is kept in a folder of its own below
    ``results``; one that refuses its parameters is not kept. ``cell_seconds`` bounds each cell.

    Raises:
        UsageError: no such notebook or parameter; nothing was started.
        UnusablePath: ``results`` cannot be written to; nothing was started.
        NotebookFailed: a cell raised, took too long, or its kernel died.
    """
    if cell_seconds is not None and cell_seconds < 1:
        raise UsageError(f"a cell needs at least 1 second, not {cell_seconds}")
    checked = check_parameters(name, parameters)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")[:-3]
    output = _new_folder(results, f"notebook-{name}-{stamp}") / f"{name}.ipynb"
    try:
        papermill.execute_notebook(
            str(NOTEBOOK_HOME / f"{name}.ipynb"),
            str(output),
            parameters=checked,
            kernel_name="python3",
            cwd=str(NOTEBOOK_HOME),
            progress_bar=progress,
            log_output=False,
            execution_timeout=cell_seconds,
            config=_kernel_configuration(),
        )
    except PapermillExecutionError as error:
        failure = _failure(name, error, output)
        if failure.exit_code == UsageError.exit_code:
            # A mistake in the request, found by the first cell: nothing was run, nothing is kept.
            shutil.rmtree(output.parent)
        raise failure from error
    except (CellTimeoutError, DeadKernelError) as error:
        what = f"a cell took longer than {cell_seconds} s" if cell_seconds else "the kernel died"
        what = "the kernel died" if isinstance(error, DeadKernelError) else what
        raise NotebookFailed(f"{what} (notebook {name}, kept at {output})", exit_code=1) from error
    return _filed(output)


def _new_folder(results: Path, name: str) -> Path:
    folder = results.resolve() / name
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise UnusablePath(
            f"cannot write results to {results}: {error.strerror}; choose another folder"
        ) from error
    return folder


def _kernel_configuration() -> Config:
    """Talk to the kernel over sockets in a folder that only its user can open, not over TCP.

    Their paths (``kernel-<uuid>-ipc-<n>``) must stay under 108 bytes (unix(7)); in a deeper
    runtime folder Jupyter's default, signed messages on loopback, has to do.
    """
    short_enough = len(jupyter_runtime_dir()) + len("/kernel--ipc-5") + 36 < 108
    return Config({"KernelManager": {"transport": "ipc" if short_enough else "tcp"}})


def _failure(name: str, error: PapermillExecutionError, output: Path) -> NotebookFailed:
    """The cell's error in one line, with the exit code it has on the command line."""
    kind = getattr(errors, error.ename, None)
    known = isinstance(kind, type) and issubclass(kind, IluvatarBenchError)
    exit_code = kind.exit_code if known and kind is not None else 1
    first_line = (error.evalue.strip().splitlines() or ["no message"])[0]
    reason = first_line if known else f"{error.ename}: {first_line}"
    where = "" if exit_code == UsageError.exit_code else f", kept at {output}"
    return NotebookFailed(f"{reason} (notebook {name}{where})", exit_code=exit_code)


def _filed(output: Path) -> Executed:
    """Render the HTML and move both files to the run they belong to."""
    notebook = nbformat.read(output, as_version=4)  # type: ignore[no-untyped-call]
    # A progress bar's earlier states, each in an output of its own, are of no use afterwards.
    notebook, _ = CoalesceStreamsPreprocessor().preprocess(notebook, {})  # type: ignore[no-untyped-call]
    nbformat.write(notebook, output)  # type: ignore[no-untyped-call]
    folders = _run_folders(notebook)
    home = folders[0] if len(folders) == 1 else output.parent
    exporter = HTMLExporter(template_name="lab")  # type: ignore[no-untyped-call]
    html, _ = exporter.from_notebook_node(notebook)
    html_path = home / f"{output.stem}.html"
    html_path.write_text(html)
    if home != output.parent:
        shutil.move(output, home / output.name)
        output.parent.rmdir()
    return Executed(home / output.name, html_path, folders)


def _run_folders(notebook: Any) -> tuple[Path, ...]:
    found = [
        Path(output["data"][RUN_MIME]["folder"])
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if RUN_MIME in output.get("data", {})
    ]
    return tuple(dict.fromkeys(found))
