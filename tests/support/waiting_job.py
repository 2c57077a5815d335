"""A job that waits until it is to end; ``place`` is there once it does."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from iluvatar_bench.batch.sweep.job_outcome import JobEnd, JobOutcome
from iluvatar_bench.batch.sweep.job_process import Asked, CallAtEnd, serve_job


def _serve(asked: Asked, call_at_end: CallAtEnd) -> JobOutcome:
    sys.stdout.write("no answer\n")
    sys.stdout.flush()
    if asked["ends"]:
        return JobOutcome(end=JobEnd.FINISHED, place=asked["place"])
    ended = threading.Event()
    call_at_end(ended.set)
    Path(asked["place"]).touch()
    ended.wait()
    return JobOutcome(end=JobEnd.GIVEN_UP, error="it was given up")


if __name__ == "__main__":
    serve_job(_serve)
