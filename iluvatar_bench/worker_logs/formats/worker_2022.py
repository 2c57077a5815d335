"""The worker's log of 2022: ``[time zone] [LEVEL] [module] [tid] message``.

A message may go over several lines (tracebacks). The fourth bracket is the transaction, but for
one message, "Error trying to read container", which has the error there and the transaction last.
"""

from __future__ import annotations

import re

from iluvatar_bench.worker_logs.entry import LogEntry
from iluvatar_bench.worker_logs.names import container_in
from iluvatar_bench.worker_logs.times import Clock

NAME = "worker-2022"
HEADER = rb"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{1,9} [+-]\d\d:\d\d\] \["

_HEAD = re.compile(
    r"\[(?P<stamp>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{1,9} [+-]\d\d:\d\d)\] "
    r"\[(?P<level>[A-Z]{3,8})\s*\] \[(?P<module>[^\]\n]{0,200})\] (?:\[(?P<tid>[^\]\n]{0,200})\] )?"
)
_TRAILING_TID = re.compile(r": ([\w-]{1,100})\s*\Z")
_INVOCATION = re.compile(r"invocation request (\S{1,200}) (\S{1,100})")


def parse(text: str, clock: Clock) -> LogEntry | None:
    """The entry, or None if ``text`` is not in this format."""
    if not text.startswith("["):
        return None
    head = _HEAD.match(text)
    if head is None:
        return None
    tid = head["tid"]
    if tid is not None and " " in tid:
        trailing = _TRAILING_TID.search(text, max(head.end(), len(text) - 120))
        tid = trailing.group(1) if trailing else None
    when, zone = clock.read(head["stamp"])
    invoked = _INVOCATION.search(text, head.end(), head.end() + 400)
    return LogEntry(
        format=NAME,
        text=text[head.end() :] if tid == head["tid"] else text[head.end("module") + 2 :],
        time=when,
        zone=zone,
        level=head["level"],
        transaction_id=tid,
        container_id=container_in(text),
        function=invoked.group(1) if invoked else None,
        version=invoked.group(2) if invoked else None,
        from_worker=True,
    )
