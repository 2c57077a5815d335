"""The process of one point: ``python -m iluvatar_bench.batch.sweep.point_process``.

A notebook is executed in a folder of its own; what it wrote there goes to whoever asked.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from iluvatar_bench.batch.grid import execute_point, write_point
from iluvatar_bench.batch.stop import NotebookStop
from iluvatar_bench.batch.sweep.job_outcome import JobEnd, JobOutcome
from iluvatar_bench.batch.sweep.job_process import Asked, CallAtEnd, serve_job
from iluvatar_bench.errors import EnvironmentProblem, IluvatarBenchError


def _serve(asked: Asked, call_at_end: CallAtEnd) -> JobOutcome:
    begun = time.monotonic()
    stop = NotebookStop()

    def end() -> None:
        # The trials in flight are nobody's any more.
        stop.ask()
        stop.ask()

    call_at_end(end)
    home = Path(asked["home"])
    try:
        home.mkdir(parents=True, exist_ok=True)
        # A new one each time: what an attempt that was cut off had may still be removing itself.
        folder = Path(tempfile.mkdtemp(prefix="point-", dir=home))
        point = execute_point(
            asked["name"],
            asked["parameters"],
            folder,
            progress=False,
            cell_seconds=asked["cell_seconds"],
            stop=stop,
        )
        if stop.is_set():
            return JobOutcome(end=JobEnd.GIVEN_UP, error=point.error)
        write_point(folder, 0, point)
    except (EnvironmentProblem, OSError) as error:
        return JobOutcome(end=JobEnd.UNFIT, error=str(error))
    except IluvatarBenchError as error:
        return JobOutcome(end=JobEnd.FAILED, error=str(error))
    seconds = round(time.monotonic() - begun, 1)
    return JobOutcome(end=JobEnd.FINISHED, place=os.fspath(folder), seconds=seconds)


if __name__ == "__main__":
    serve_job(_serve)
