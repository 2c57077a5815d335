"""Documents: ``docker inspect``, ``kubectl get -o json`` and ``describe``, pretty-printed logs.

Each object of a JSON document, a container, a pod or an event, is an entry of its own. What is one
object in a list, or under ``items``, becomes one line, on the line where it began.
"""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import parsedate_to_datetime

# An error document of the worker has a format of its own.
_BRACE = re.compile(rb"\{\r?\n([ \t]{1,16})\"(?!Error\")")
_DEEPEST = 8
_ITEMS = re.compile(rb"\n([ \t]{1,16})\"items\": \[\r?\n")
_INDENT = re.compile(rb"\n[ \t]+")
_BETWEEN_LINES = re.compile(rb"\r?\n[ \t]*")


def on_one_line(data: bytes) -> bytes:
    """``data`` with each object on one line; as many lines as before, the others empty.

    An object that does not end in ``data`` stays as it is, and so does ``data`` without objects.
    """
    parts: list[bytes] = []
    # How those are indented that do not end: to look again for each would cost the whole block.
    unended: set[bytes] = set()
    done = at = 0
    while (begin := _next_object(data, at)) is not None:
        start, brace = begin
        indent = data[start : brace.start()]
        at = brace.end()
        end = data.find(b"\n%b}" % indent, at) if indent not in unended else -1
        if end < 0:
            unended.add(indent)
            continue
        items = None if indent else _items(data, start, end, brace.group(1))
        if items is not None:
            # Flush left, or the first object would be taken for the end of what is indented above.
            parts += [data[done:start], _INDENT.sub(b"\n", data[start:items])]
            done = at = items
            continue
        end += len(indent) + 2
        lines = data.count(b"\n", start, end)
        parts += [data[done:start], _BETWEEN_LINES.sub(b" ", data[start:end]).lstrip()]
        parts.append(b"\n" * lines)
        # Behind the comma that parts it from the next object.
        done = at = end + data.startswith(b",", end)
    return b"".join([*parts, data[done:]]) if parts else data


def _items(data: bytes, start: int, end: int, indent: bytes) -> int | None:
    """Where the first of a list document's items begins; None if the object is no such list."""
    lists = _ITEMS.finditer(data, start, end)
    return next((found.end() for found in lists if found.group(1) == indent), None)


def _next_object(data: bytes, at: int) -> tuple[int, re.Match[bytes]] | None:
    """Where the line begins that is the first brace of an object, and the brace."""
    while brace := _BRACE.search(data, at):
        at = brace.end()
        start = data.rfind(b"\n", 0, brace.start()) + 1
        if brace.start() - start <= _DEEPEST and not data[start : brace.start()].strip(b" \t"):
            return start, brace
    return None


_KEYS = (
    "finishedAt|FinishedAt|exitedAt",
    "lastObservedTime|lastTimestamp|deprecatedLastTimestamp|eventTime",
    "lastTransitionTime",
    "startedAt|StartedAt|firstTimestamp|startTime",
    "createdAt|CreatedAt|Created|creationTimestamp",
)
"""Which time says when: an end before what was seen last, that before a beginning."""

_TIMES = tuple(
    re.compile(rf"\"?\b(?:{keys})\"?:\s{{0,4}}[\"']?((?!0001-)[\dT:.+Z-]{{16,40}})")
    for keys in _KEYS
)
_OBJECT = re.compile(r"\s{0,12}(?:- )?(?:\{\s{0,4}\"\w|[a-z]\w{1,40}:(?:\s|\Z))")


# kubectl describe writes Go's RFC1123Z.
_FINISHED = re.compile(
    r"\bFinished: {1,12}([A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} (?:19|20)\d\d \d\d:\d\d:\d\d [+-]\d{4})"
)


def time_in_document(text: str) -> str:
    """The time stamp, as written, that says when what an object tells of happened.

    Of several with the same name the latest. The empty string if ``text`` is no object, nor a
    description, or has none of the fields that Docker, containerd's CRI and Kubernetes have.
    """
    ends = [when for when in map(_when, _FINISHED.findall(text)) if when is not None]
    if ends:
        return max(ends).isoformat()
    if _OBJECT.match(text) is None:
        return ""
    found = (pattern.findall(text) for pattern in _TIMES)
    return next((max(stamps) for stamps in found if stamps), "")


def _when(described: str) -> datetime | None:
    try:
        # Without a zone, as "-0000" is read, times do not compare.
        return parsedate_to_datetime(described.replace("-0000", "+0000"))
    except (ValueError, OverflowError):
        return None
