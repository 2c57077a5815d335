"""Runs one notebook through papermill, strictly: a wrong parameter is an error before anything
starts, a failure inside is one line, not a page, and a stop ends it in good order.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import papermill
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError

from iluvatar_bench import errors
from iluvatar_bench.batch import notebook_files
from iluvatar_bench.batch import parameters as known
from iluvatar_bench.batch.engine import ENGINE
from iluvatar_bench.batch.filing import Executed, file_notebook, mark_cut, new_folder
from iluvatar_bench.batch.kernel import PrivateKernelManager, private_kernel
from iluvatar_bench.batch.stop import CellStopper, NotebookStop
from iluvatar_bench.errors import (
    EnvironmentProblem,
    IluvatarBenchError,
    UsageError,
)


class NotebookFailed(IluvatarBenchError):
    """A cell raised; the executed part of the notebook is kept."""

    def __init__(self, message: str, *, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class NotebookStopped(NotebookFailed):
    """It was asked to stop before its last cell; what it had until then is kept.

    ``executed`` says where, None where nothing of the notebook could be kept.
    """

    def __init__(self, message: str, *, executed: Executed | None) -> None:
        super().__init__(message, exit_code=130)
        self.executed = executed


def run_notebook(
    name: str,
    parameters: Mapping[str, Any],
    *,
    results: Path,
    progress: bool = True,
    cell_seconds: int | None = None,
    stop: NotebookStop | None = None,
) -> Executed:
    """Execute a notebook and keep it, with its HTML, in the folder that it wrote to.

    That is the folder of its tables and figures, or of the one run that it made; else, and where a
    cell fails, a new one below ``results``. A notebook that refuses its parameters is not kept.
    ``results`` is its parameter of this name too, unless that is given.

    ``cell_seconds`` bounds each cell. A cell that takes longer, or is under way as ``stop`` is
    asked for, ends in good order: its run finishes the trials in flight and writes everything.
    No cell follows.

    Raises:
        UsageError: no such notebook or parameter; nothing was started.
        UnusablePath: ``results`` cannot be written to; nothing was started.
        NotebookStopped: ``stop`` was asked for before the last cell had ended.
        NotebookFailed: a cell raised, took too long, or its kernel died.
    """
    if cell_seconds is not None and cell_seconds < 1:
        raise UsageError(f"a cell needs at least 1 second, not {cell_seconds}")
    checked = known.check_parameters(name, parameters)
    if "results" in known.parameter_types(name):
        checked.setdefault("results", str(results.resolve()))
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")[:-3]
    output = new_folder(results, f"notebook-{name}-{stamp}") / f"{name}.ipynb"
    wish = stop or NotebookStop()
    with private_kernel() as manager:
        stopper = CellStopper(manager, cell_seconds=cell_seconds)
        with wish.heard_by(stopper.press):
            if wish.is_set():
                stopper.press()
            failure = _execute(name, checked, output, progress, manager, stopper)
    if stopper.cut_at is not None:
        raise _cut(name, output, stopper, cell_seconds) from failure
    if failure is not None:
        raise _failure(name, failure, output) from failure
    return file_notebook(output)


def _execute(
    name: str,
    checked: Mapping[str, Any],
    output: Path,
    progress: bool,
    manager: PrivateKernelManager,
    stopper: CellStopper,
) -> Exception | None:
    """Execute the cells; what ended them too early is given back."""
    try:
        papermill.execute_notebook(
            str(notebook_files.NOTEBOOK_HOME / f"{name}.ipynb"),
            str(output),
            parameters=dict(checked),
            kernel_name="python3",
            engine_name=ENGINE,
            progress_bar=progress,
            manager=manager,
            stopper=stopper,
        )
    except (PapermillExecutionError, DeadKernelError) as error:
        return error
    finally:
        stopper.close()
    return None


def _cut(name: str, output: Path, stopper: CellStopper, cell_seconds: int | None) -> NotebookFailed:
    """The error of a notebook that was ended on purpose; what there is of it is filed."""
    why = f"a cell took longer than {cell_seconds} s" if stopper.timed_out else "it was stopped"
    executed = None
    if output.exists():
        mark_cut(output, why, at=stopper.cut_at or 0)
        executed = file_notebook(output)
    else:
        shutil.rmtree(output.parent)
    where = f", kept at {executed.notebook}" if executed else ""
    message = f"{why} (notebook {name}{where})"
    if stopper.timed_out:
        return NotebookFailed(message, exit_code=1)
    return NotebookStopped(message, executed=executed)


def _failure(name: str, error: Exception, output: Path) -> NotebookFailed:
    """The cell's error in one line, with the exit code it has on the command line."""
    if not isinstance(error, PapermillExecutionError):
        return NotebookFailed(f"the kernel died (notebook {name}, kept at {output})", exit_code=1)
    kind = getattr(errors, error.ename, None)
    ours = kind if isinstance(kind, type) and issubclass(kind, IluvatarBenchError) else None
    first_line = (error.evalue.strip().splitlines() or ["no message"])[0]
    reason = first_line if ours else f"{error.ename}: {first_line}"
    if ours and issubclass(ours, EnvironmentProblem) and "source" in known.parameter_types(name):
        reason += "; -p source=recorded reads what was recorded and needs none of it"
    if ours and ours.exit_code == UsageError.exit_code:
        # A mistake in the request, found by the first cell: nothing was run, nothing is kept.
        shutil.rmtree(output.parent)
        return NotebookFailed(f"{reason} (notebook {name})", exit_code=ours.exit_code)
    exit_code = ours.exit_code if ours else 1
    return NotebookFailed(f"{reason} (notebook {name}, kept at {output})", exit_code=exit_code)
