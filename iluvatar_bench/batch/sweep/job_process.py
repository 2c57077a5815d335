"""The process of one job: a line in, a line out, and an input whose end is the job's end.

Started as a module by ``worker_side.in_process``. On its input there is one line, what is asked;
what becomes of it is the one line of its output. Once the other end of the input is closed, because
the worker was killed or wants the job no more, the job is to end and to remove what it started.

A process of its own, because a worker has threads, a loop and signals of its own, and because
whatever a job does to its process is over with the job.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from iluvatar_bench.batch.sweep.job_outcome import JobOutcome

END_SECONDS = 30.0
"""A job that is to end has so long for it; then the watchdogs of what it started remove that."""

Asked = dict[str, Any]

CallAtEnd = Callable[[Callable[[], object]], None]
"""Takes what is to be called, in a thread, when the job is to end."""


def serve_job(work: Callable[[Asked, CallAtEnd], JobOutcome]) -> None:
    """Read what is asked, have ``work`` do it, write what became of it, and end the process."""
    # Whatever else is printed in this process is no answer.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    asked = json.loads(sys.stdin.buffer.readline())
    outcome = work(asked, _call_at_end_of_input)
    print(json.dumps(outcome.as_json()), file=answer, flush=True)
    # The thread at the input would be waited for.
    os._exit(0)


def _call_at_end_of_input(end: Callable[[], object]) -> None:
    def wait() -> None:
        sys.stdin.buffer.read()
        end()
        time.sleep(END_SECONDS)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
