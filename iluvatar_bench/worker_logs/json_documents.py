"""JSON documents over many lines: ``docker inspect``, ``kubectl get -o json``, pretty-printed logs.

Each object of such a document, a container, a pod or an event, is an entry of its own. What is one
object in a list, or under ``items``, becomes one line, on the line where it began.
"""

from __future__ import annotations

import re

# An error document of the worker has a format of its own.
_BRACE = re.compile(rb"\{\r?\n([ \t]+)\"(?!Error\")")
_DEEPEST = 8
_LIST = rb'\n%b"items": \[\r?\n'
_INDENT = re.compile(rb"\n[ \t]+")
_BETWEEN_LINES = re.compile(rb"\r?\n[ \t]*")


def holds_documents(data: bytes) -> bool:
    """Whether there is an object over several lines."""
    return _next_object(data, 0) is not None


def on_one_line(data: bytes) -> bytes:
    """``data`` with each object on one line; as many lines as before, the others empty.

    An object that does not end in ``data`` stays as it is.
    """
    parts: list[bytes] = []
    done = at = 0
    while (begin := _next_object(data, at)) is not None:
        start, brace = begin
        indent = data[start : brace.start()]
        end = data.find(b"\n%b}" % indent, brace.end())
        at = brace.end()
        if end < 0:
            continue
        items = not indent and re.compile(_LIST % brace.group(1)).search(data, start, end)
        if items:
            # Flush left, or the first object would be taken for the end of what is indented above.
            at = items.end()
            parts += [data[done:start], _INDENT.sub(b"\n", data[start:at])]
            done = at
            continue
        end += len(indent) + 2
        lines = data.count(b"\n", start, end)
        parts += [data[done:start], _BETWEEN_LINES.sub(b" ", data[start:end]).lstrip()]
        parts.append(b"\n" * lines)
        # Behind the comma that parts it from the next object.
        done = at = end + data.startswith(b",", end)
    return b"".join([*parts, data[done:]]) if parts else data


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


def time_in_document(text: str) -> str:
    """The time stamp, as written, that says when what an object tells of happened.

    Of several with the same name the latest. The empty string if ``text`` is no object, or has none
    of the fields that Docker, containerd's CRI and Kubernetes have.
    """
    if _OBJECT.match(text) is None:
        return ""
    found = (pattern.findall(text) for pattern in _TIMES)
    return next((max(stamps) for stamps in found if stamps), "")
