"""containerd's own log as it comes: ``time="..." level=error msg="..." error="..." id=...``.

logrus' text format, also that of CRI-O, runc and nerdctl where their output is no terminal.
"""

from __future__ import annotations

import re

from iluvatar_bench.worker_logs.entry import LogEntry
from iluvatar_bench.worker_logs.names import container_in
from iluvatar_bench.worker_logs.times import Clock

NAME = "containerd-logfmt"
HEADER = rb"(?:time|ts)=\"?\d{4}-|level=\w"

_HEAD = re.compile(r'(?:(?:time|ts)=(?:"([^"\n]{1,60})"|(\S{1,60})) )?level=(\w{3,10})\b')
_CONTAINER = re.compile(
    r'(?:^| )(?:id|container|containerID|container_id)="?([A-Za-z0-9][\w.-]{0,199})'
)
_SHIM_PATH = re.compile(r" path=\S{1,300}/([A-Za-z0-9][\w.-]{0,199})(?= |$)")


def parse(text: str, clock: Clock) -> LogEntry | None:
    """The entry, or None if ``text`` is not in this format."""
    head = _HEAD.match(text)
    if head is None:
        return None
    when, zone = clock.read(head.group(1) or head.group(2) or "")
    named = _CONTAINER.search(text) or _SHIM_PATH.search(text)
    return LogEntry(
        format=NAME,
        text=text[head.end() :].strip(),
        time=when,
        zone=zone,
        level=head.group(3).upper(),
        container_id=named.group(1) if named else container_in(text),
    )
