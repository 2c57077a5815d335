"""What a Dask worker is asked to do. Everything that is handed over is plain values.

Functions travel by their name, so this package has to be installed on the worker.
"""

from __future__ import annotations

import asyncio
import json
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import IO, Any

from distributed import WorkerPlugin

from iluvatar_bench.batch.sweep.job_outcome import JobEnd, JobOutcome
from iluvatar_bench.batch.sweep.packed_folder import packed
from iluvatar_bench.host.doctor import check_host
from iluvatar_bench.host.facts import git_revision, host_facts, program_version

MUST_MATCH = ("iluvatar-bench", "distributed", "dask", "cloudpickle", "msgpack")
"""Distributions whose versions must be the same on both sides of a connection, as must Python's
first two numbers: values are pickled."""

_inputs: dict[str, IO[bytes]] = {}
"""The inputs of the processes of the jobs that run in this worker, by the jobs' ids."""

_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """What a host says of itself. ``problem``: why it can run no container; None: it can."""

    versions: dict[str, str]
    host: dict[str, Any]
    problem: str | None


async def worker_facts() -> WorkerFacts:
    """The facts of the process that calls it, and of its host; its loop goes on meanwhile."""
    return await asyncio.to_thread(_facts_here)


def _facts_here() -> WorkerFacts:
    return WorkerFacts(
        versions=versions_here(),
        host={**host_facts(), "containerd": program_version("containerd", "--version")},
        problem=problem_here(),
    )


def problem_here() -> str | None:
    """Why this host can run no container, with the remedy; None: it can."""
    missing = (check for check in check_host() if check.required and not check.ok)
    return next((f"{one.name}: {one.found} ({one.remedy})" for one in missing), None)


def versions_here() -> dict[str, str]:
    """The versions that must be equal; that of a source checkout by its commit as well."""
    found = {name: metadata.version(name) for name in MUST_MATCH}
    python = ".".join(platform.python_version_tuple()[:2])
    revision = git_revision(Path(__file__).parent)
    return {**found, "python": python, **({} if revision is None else {"commit": revision})}


def run_cell(cell: dict[str, Any], cell_id: str, home: str) -> JobOutcome:
    """Run one cell in a process of its own, below ``home`` as this worker sees it. It blocks."""
    asked = {"cell": cell, "home": str(Path(home).absolute())}
    outcome = in_process(cell_id, "iluvatar_bench.batch.sweep.cell_process", asked)
    if outcome.place is None:
        return outcome
    try:
        return replace(outcome, payload=(Path(outcome.place) / "trials.parquet").read_bytes())
    except OSError as error:
        return JobOutcome(end=JobEnd.FAILED, error=f"its trials cannot be read: {error}")


def run_point(
    job: str, name: str, parameters: dict[str, Any], home: str, cell_seconds: int | None
) -> JobOutcome:
    """Execute one notebook in a process of its own, in a new folder below ``home``. It blocks.

    The folder travels with the outcome, and is removed here.
    """
    asked = {
        "name": name,
        "parameters": parameters,
        "home": str(Path(home).absolute()),
        "cell_seconds": cell_seconds,
    }
    outcome = in_process(job, "iluvatar_bench.batch.sweep.point_process", asked)
    if outcome.place is None:
        return outcome
    folder = Path(outcome.place)
    try:
        outcome = replace(outcome, payload=packed(folder))
    except OSError as error:
        return JobOutcome(end=JobEnd.FAILED, error=f"its folder cannot be read: {error}")
    shutil.rmtree(folder, ignore_errors=True)
    return outcome


def in_process(job: str, module: str, asked: object) -> JobOutcome:
    """Have a module as a process read ``asked`` and say what became of it.

    The end of its input is the end of what it does: see ``job_process``.
    """
    with tempfile.TemporaryFile() as words:
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=words,
                # A Ctrl-C at the terminal is for the sweep, which lets the cell come to its end.
                start_new_session=True,
            )
        except OSError as error:
            return JobOutcome(end=JobEnd.UNFIT, error=f"no process can be started: {error}")
        assert process.stdin is not None and process.stdout is not None
        with process:
            with _lock:
                _inputs[job] = process.stdin
            try:
                # It may have ended, or be given up before it was asked.
                with suppress(BrokenPipeError, ValueError):
                    process.stdin.write(json.dumps(asked).encode() + b"\n")
                    process.stdin.flush()
                said = process.stdout.read()
            finally:
                give_up([job])
        if said.endswith(b"\n"):
            return JobOutcome.from_json(json.loads(said))
        words.seek(0)
        last = words.read().decode(errors="replace").strip().splitlines()[-1:]
    told = f"its process ended with {process.returncode}: {' '.join(last)}"
    return JobOutcome(end=JobEnd.FAILED, error=told)


def give_up(jobs: Sequence[str]) -> None:
    """Cancel these jobs, as far as they run in this worker; they remove what they started."""
    for job in jobs:
        with _lock:
            input_of_job = _inputs.pop(job, None)
        if input_of_job is not None:
            # What it was not there to read any more is lost.
            with suppress(BrokenPipeError):
                input_of_job.close()


class Uninterrupted(WorkerPlugin):  # type: ignore[misc]
    """A Ctrl-C at the terminal is for the sweep, and not for workers in the same group."""

    name = "iluvatar-bench-uninterrupted"

    def setup(self, worker: Any) -> None:
        """Ignore SIGINT; a worker's loop runs in its main thread."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
