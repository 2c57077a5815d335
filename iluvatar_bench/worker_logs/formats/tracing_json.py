"""Today's worker: Rust's tracing-subscriber, one JSON object a line.

``{"timestamp": "2025-03-05 10:11:12.123456789", "level": "ERROR", "fields": {"message": ...,
"tid": ..., "container_id": ...}, "target": "...", "span": {...}, "spans": [...]}``. The time is
local without an offset, its subseconds have 1 to 9 digits; ``span`` and ``spans`` are there only
inside a span; with ``flatten_event`` the fields stand in the object itself.
(tracing-subscriber fmt/format/json.rs; the worker's logging.rs)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from iluvatar_bench.worker_logs.entry import LogEntry
from iluvatar_bench.worker_logs.formats.objects import joined, load_object, salvage, text_of
from iluvatar_bench.worker_logs.names import container_in, split_name
from iluvatar_bench.worker_logs.times import Clock

NAME = "tracing-json"
HEADER = rb"\{\s{0,4}\"timestamp\"\s{0,4}:"

_TID = ("tid", "transaction_id")
# The worker writes "containerid" in one message and "container_id" in all others.
_CONTAINER = ("container_id", "containerid")


def parse(text: str, clock: Clock) -> LogEntry | None:
    """The entry, or None if ``text`` is not in this format."""
    if not text.startswith("{") or '"timestamp"' not in text[:40]:
        return None
    value, damage = load_object(text)
    if damage:
        return _damaged(text, clock, damage)
    fields = value.get("fields")
    fields = fields if isinstance(fields, dict) else value
    scopes = [fields, *_spans(value)]
    container = _first(scopes, _CONTAINER)
    function, version = _first(scopes, ("function_name",)), _first(scopes, ("function_version",))
    fqdn = _first(scopes, ("fqdn",))
    if function is None and fqdn:
        function, version = split_name(fqdn)
    when, zone = clock.read(text_of(value.get("timestamp")) or "")
    return LogEntry(
        format=NAME,
        text=joined(fields, "message"),
        time=when,
        zone=zone,
        level=(text_of(value.get("level")) or "").upper(),
        transaction_id=_first(scopes, _TID),
        container_id=container or container_in(text),
        function=function,
        version=version,
        from_worker=True,
    )


def _damaged(text: str, clock: Clock, damage: str) -> LogEntry:
    when, zone = clock.read(text[:80])
    return LogEntry(
        format=NAME,
        text=text,
        time=when,
        zone=zone,
        level=(salvage(text, "level") or "").upper(),
        transaction_id=salvage(text, *_TID),
        container_id=salvage(text, *_CONTAINER) or container_in(text),
        from_worker=True,
        damage=damage,
    )


def _spans(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The spans around an event, innermost first."""
    span, spans = value.get("span"), value.get("spans")
    if isinstance(span, dict):
        yield span
    if isinstance(spans, list):
        yield from (s for s in reversed(spans) if isinstance(s, dict))


def _first(scopes: list[dict[str, Any]], names: tuple[str, ...]) -> str | None:
    for scope in scopes:
        for name in names:
            found = text_of(scope.get(name))
            if found:
                return found
    return None
