"""A run's own ``run.log``: ``stamp LEVEL iluvatar_bench.module: message``, a traceback below it.

A trial that failed is one entry, ``CONTAINER failed in step STEP``, at level debug; the errors that
led to it are chained below, and the last one is ours. See :mod:`iluvatar_bench.runs.run_log`.
"""

from __future__ import annotations

import re

from iluvatar_bench.worker_logs.entry import LogEntry
from iluvatar_bench.worker_logs.names import container_in
from iluvatar_bench.worker_logs.times import Clock

NAME = "bench-run"
HEADER = (
    rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [A-Z]{4,8} (?:iluvatar_bench|asyncio|py\.warnings)\b"
)

_HEAD = re.compile(
    r"(?P<stamp>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (?P<level>[A-Z]{4,8}) "
    r"(?:iluvatar_bench|asyncio|py\.warnings)[\w.]{0,100}: "
)
_OWN_ERROR = "\niluvatar_bench.errors."
_TRIAL = re.compile(r"(\S{1,200}) failed in step \w")


def parse(text: str, clock: Clock) -> LogEntry | None:
    """The entry, or None if ``text`` is not in this format."""
    head = _HEAD.match(text)
    if head is None:
        return None
    when, zone = clock.read(head["stamp"])
    trial = _TRIAL.match(text, head.end())
    return LogEntry(
        format=NAME,
        text=text[head.end() :],
        time=when,
        zone=zone,
        level=head["level"],
        container_id=trial.group(1) if trial else container_in(text),
    )


def ending_error(text: str) -> str:
    """Of a trial's entry the error that it ended with, of any other text all.

    What stands above are frames of this program, and the errors that ours holds the words of.
    """
    last = text.rfind(_OWN_ERROR)
    if last < 0 or _HEAD.match(text) is None:
        return text
    return text[last + 1 :].partition(": ")[2]
