"""containerd's own log with ``format = "json"``, and other programs of logrus, zap or Docker.

``{"error": "...", "id": "...", "level": "error", "msg": "...", "time": "..."}``, keys sorted.
"""

from __future__ import annotations

import re

from iluvatar_bench.worker_logs.entry import LogEntry
from iluvatar_bench.worker_logs.formats.objects import joined, load_object, salvage, text_of
from iluvatar_bench.worker_logs.names import container_in
from iluvatar_bench.worker_logs.times import Clock

NAME = "containerd-json"
HEADER = rb"\{\s{0,4}\"(?!Error\"|timestamp\")\w"

_MESSAGES = ("msg", "message", "log")
_TIMES = ("time", "ts", "timestamp", "datetime", "@timestamp")
_CONTAINERS = ("container_id", "containerID", "container", "id")
_START = re.compile(r'\{\s*"\w')


def parse(text: str, clock: Clock) -> LogEntry | None:
    """The entry, or None if ``text`` is not in this format."""
    if _START.match(text) is None:
        return None
    value, damage = load_object(text)
    message = next((name for name in _MESSAGES if name in value), "msg")
    stamp = next((text_of(value[name]) for name in _TIMES if name in value), None)
    container = next((text_of(value[n]) for n in _CONTAINERS if value.get(n)), None)
    if damage:
        stamp, container = salvage(text, *_TIMES), salvage(text, *_CONTAINERS)
    when, zone = clock.read(stamp or "")
    return LogEntry(
        format=NAME,
        text=text if damage else joined(value, message),
        time=when,
        zone=zone,
        level=(text_of(value.get("level")) or salvage(text, "level") or "").upper(),
        container_id=container or container_in(text),
        damage=damage,
    )
