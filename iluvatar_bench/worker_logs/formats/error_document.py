"""What the worker's command-line client prints: ``{ "Error": "..." }``.

It looks like JSON and is not: new lines and inner quotes stand in it as they are. Such a document
ends at a line that ends with the quote and brace it began with, see :mod:`..split`.
"""

from __future__ import annotations

import re

from iluvatar_bench.worker_logs.entry import LogEntry
from iluvatar_bench.worker_logs.names import container_in
from iluvatar_bench.worker_logs.times import Clock

NAME = "error-document"
HEADER = rb"\{[ \t]{0,8}(?:\r?\n[ \t]{0,8})?\"Error\"\s{0,8}:"

_HEAD = re.compile(r'\{\s{0,20}"Error"\s{0,8}:\s{0,8}"?')
_TAIL = re.compile(r'"?\s{0,20}\}\s{0,20}\Z')


def parse(text: str, clock: Clock) -> LogEntry | None:
    """The document, or None if ``text`` is none. It has no time stamp."""
    head = _HEAD.match(text)
    if head is None:
        return None
    tail = _TAIL.search(text, max(head.end(), len(text) - 60))
    body = text[head.end() : tail.start() if tail else len(text)]
    return LogEntry(
        format=NAME,
        text=body,
        container_id=container_in(body),
        from_worker=True,
        reports_failure=True,
        damage="" if tail else "an error document without its end",
    )
