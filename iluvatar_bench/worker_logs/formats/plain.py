"""Everything else: plain text, one message a line, tracebacks over several.

Also klog (kubelet), gunicorn and the console: a level is found where one stands at the head.
"""

from __future__ import annotations

import re

from iluvatar_bench.worker_logs.entry import LogEntry
from iluvatar_bench.worker_logs.names import container_in
from iluvatar_bench.worker_logs.times import Clock

NAME = "plain"

_KLOG_LEVELS = {"I": "INFO", "W": "WARN", "E": "ERROR", "F": "FATAL"}
_KLOG = re.compile(r"([IWEF])\d{4} \d\d:\d\d:\d\d")
_LEVEL = re.compile(r"\b(TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL|CRITICAL)\b")


def parse(text: str, clock: Clock) -> LogEntry:
    """The entry: any text is one."""
    when, zone = clock.read(text[:200])
    klog = _KLOG.match(text)
    level = _LEVEL.search(text[:120])
    return LogEntry(
        format=NAME,
        text=text,
        time=when,
        zone=zone,
        level=_KLOG_LEVELS[klog.group(1)] if klog else level.group(1) if level else "",
        container_id=container_in(text),
    )
