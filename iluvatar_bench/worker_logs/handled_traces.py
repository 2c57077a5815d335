"""Tracebacks that a program logs and gets over: the warning that says so is an entry of its own."""

from __future__ import annotations

from iluvatar_bench.bugs.handled import is_got_over

_TRACEBACK = b"Traceback (most recent call last)"
_LOGGING_ERROR = b"--- Logging error ---"
_MOST_LINES = 200
_MOST_BYTES = 2_000
"""Of each line around."""


def end_of_handled(data: bytes, start: int, end: int) -> int:
    """Behind the traceback from ``start`` to ``end`` that its program got over; 0 if it is none.

    Python's ``--- Logging error ---`` goes on behind the traceback, up to the arguments.
    """
    if _TRACEBACK not in data[start : data.find(b"\n", start) + 1] or start == 0:
        return 0
    above = data[data.rfind(b"\n", 0, start - 1) + 1 : start - 1][:_MOST_BYTES]
    if _LOGGING_ERROR in above:
        return _behind_arguments(data, end)
    following = _line_with_words(data, end)
    over = is_got_over(
        above.decode(errors="replace"),
        data[start:end].decode(errors="replace").rstrip("\r\n").split("\n"),
        following.decode(errors="replace"),
    )
    return end if over else 0


def _line_with_words(data: bytes, at: int) -> bytes:
    while at < len(data):
        end = data.find(b"\n", at)
        end = end if end >= 0 else len(data)
        if data[at:end].strip():
            return data[at:end][:_MOST_BYTES]
        at = end + 1
    return b""


def _behind_arguments(data: bytes, at: int) -> int:
    end = at
    for _ in range(_MOST_LINES):
        line_end = data.find(b"\n", end)
        line_end = line_end + 1 if line_end >= 0 else len(data)
        if b"Arguments: " in data[end:line_end][:_MOST_BYTES]:
            return line_end
        if line_end == len(data):
            break
        end = line_end
    return at
