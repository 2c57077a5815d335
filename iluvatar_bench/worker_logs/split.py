"""Where an entry begins and ends, found only around the places that matter.

Healthy lines are never looked at one by one. From a place of interest the way goes back to the head
of its entry and on to its end. All positions are offsets into one block of whole lines.
"""

from __future__ import annotations

import re

from iluvatar_bench.worker_logs.formats import (
    bench_run,
    containerd_logfmt,
    error_document,
    tracing_json,
    worker_2022,
)

_MOST_LINES_BACK = 400
_MOST_BYTES_BACK = 64 * 1024
_MOST_DOCUMENT_BYTES = 256 * 1024
_SHORT_DOCUMENT_BYTES = 4096

# How a line begins that cannot belong to the entry above it. Not among them: heads that also occur
# inside a container's output, such as gunicorn's "[2022-07-08 19:58:54 +0000] [7] [INFO]".
_ENVELOPE = (
    rb"(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ [\w.@/:-]+(?:\[\d+\])?: "
    rb"|<\d{1,3}>1 \d{4}-|(?:<\d>)?[\w.@/:-]{1,64}\[\d{1,10}\]: "
    # Kubernetes events
    rb"|[ \t]{0,8}(?:\S{1,40}[ \t]{1,20}){0,2}(?:Warning|Normal)[ \t]{2,12}[A-Z][A-Za-z]{2,40}[ \t]"
    rb"|\d{4}-\d\d-\d\dT\S{8,30} (?:std(?:out|err) [FP] "
    rb"|\S{1,64} [\w.@/-]{1,64}(?:\[\d{1,10}\])?: )"
)
_HEADER = re.compile(
    b"(?P<document>" + error_document.HEADER + b")|"
    b"(?P<worker>" + worker_2022.HEADER + b"|" + bench_run.HEADER + b")|"
    b"(?P<line>" + tracing_json.HEADER + b"|" + containerd_logfmt.HEADER + b"|"
    rb"\{\s{0,4}\"(?:time|ts|level|msg|message|error|log|severity|PRIORITY|_\w{1,30}|MESSAGE)\"|"
    + _ENVELOPE
    + b"|"
    rb"[IWEF]\d{4} \d\d:\d\d:\d\d|(?:INFO|WARN|ERRO|FATA|DEBU|TRAC)\[\d{4}\])"
)
_NEXT_HEADER = re.compile(rb"(?m:^)(?=[\[{A-Za-z0-9<\ \t])" + b"(?:" + _HEADER.pattern + b")")
_NEXT_DOCUMENT = re.compile(rb"\n" + error_document.HEADER)
_DOCUMENT_GAP = re.compile(rb'\{(\s*)"Error"')
_CLOSED = {
    b"": re.compile(rb'"\s?\}[ \t\r]*(?:\n|\Z)'),
    b" ": re.compile(rb'" \}[ \t\r]*(?:\n|\Z)'),
}
_CLOSED_PRETTY = re.compile(rb'"\s*\n\s*\}[ \t\r]*(?:\n|\Z)')

# A line that goes on with the plain text above it: indented, a closing brace, Node's module list.
_CONTINUATION = re.compile(rb"[ \t]+\S|[}\])]|Require stack:|- /|Caused by: |\^")
_CONTINUED = re.compile(
    rb"(?:(?:[ \t]+\S|[}\])]|Require stack:|- /|Caused by: |\^)[^\n]*(?:\n|\Z))*"
)
_TRACEBACK = b"Traceback (most recent call last)"
# Everything up to the line of the exception, and the tracebacks chained to it.
_TRACEBACK_BODY = re.compile(
    rb"Traceback \(most recent call last\)[^\n]*(?:\n|\Z)"
    rb"(?:[ \t]+[^\n]*(?:\n|\Z))*+(?:[^\s\[{][^\n]*(?:\n|\Z))?(?:[ \t]+[^\n]*(?:\n|\Z))*+"
)
_CHAINED = re.compile(
    rb"\s{0,8}(?:During handling of|The above exception was)[^\n]*\n\s{0,8}(?=Tr)"
)
_CHAIN_ABOVE = re.compile(rb"(?:During handling of|The above exception was)[^\n]*\s*\Z")
_CHAIN_BYTES = 120
# Also the empty line above "goroutine 1 [running]:".
_GO_FRAME = re.compile(
    rb"\n?goroutine \d|[\w./()*{},-]{1,200}\)\r?\n|created by |\[signal |exit status \d"
)
# kubectl's and compose's name of the container, then the trace; Go's stands alone too.
_OPENS_TRACE = re.compile(
    rb"[^\n]{1,200}?Traceback \(most recent call last\)|[^\n]{0,200}?(?:panic: |fatal error: )"
)
_FATAL = b"Fatal Python error: "
# Up to the next empty line.
_FATAL_PYTHON = re.compile(rb"Fatal Python error: [^\n]*(?:\n(?!\r?\n)[^\n]+)*\n?")
_PARAGRAPH_BYTES = 4096


def last_boundary(data: bytes) -> int:
    """Where the last entry of ``data`` begins, at least as far as can be told.

    Everything before can be read now; the rest may go on in the next block. A traceback just above
    it stays with it, and so does the line above that: what stands around says whether the program
    got over it, see :mod:`.handled_traces`.
    """
    cut = _last_entry(data)
    if cut == 0:
        return 0
    start, end = entry_around(data, cut - 1, 0)
    if end != cut or start == 0 or _TRACEBACK not in data[start : data.find(b"\n", start) + 1]:
        return cut
    return data.rfind(b"\n", 0, start - 1) + 1


def _last_entry(data: bytes) -> int:
    at = data.rfind(b"\n", 0, max(len(data) - 1, 0)) + 1
    plain = element = -1
    shallowest = _DEEPEST
    for _ in range(_MOST_LINES_BACK):
        if _HEADER.match(data, at):
            return _before_parts(data, at)
        if plain < 0 and not _goes_on(data, at):
            plain = at
        begin = _ELEMENT.match(data, at) if plain < 0 else None
        if begin and len(begin.group(1)) < shallowest:
            element, shallowest = at, len(begin.group(1))
        if at == 0 or len(data) - at > _MOST_BYTES_BACK:
            break
        at = data.rfind(b"\n", 0, at - 1) + 1
    if plain < 0 <= element:
        return element
    return plain if plain >= 0 else len(data)


# An object in a list of a document, see :mod:`.json_documents`.
_ELEMENT = re.compile(rb"([ \t]{1,8})\{\r?\n")
_DEEPEST = 9
_MOST_PARTS = 64
_PART = re.compile(rb"\d{4}-\d\d-\d\dT\S{8,30} std(?:out|err) P")
_PARTS_APART = 8
"""Lines of the other stream between two parts of one line."""


def _before_parts(data: bytes, at: int) -> int:
    """``at``, or where the CRI's parts begin that the line there may be the rest of."""
    first, line = at, at
    for distance in range(_MOST_PARTS):
        if line == 0 or (distance >= _PARTS_APART and first == at):
            break
        line = data.rfind(b"\n", 0, line - 1) + 1
        if _PART.match(data, line):
            first = line
    return first


def entry_around(data: bytes, position: int, floor: int) -> tuple[int, int]:
    """Start and end of the entry that ``position`` lies in; the end is behind its line end.

    ``floor`` is where the entry before ended: nothing before it is looked at.
    """
    line = data.rfind(b"\n", floor, position) + 1 or floor
    line = max(line, floor)
    head = _head(data, line, floor)
    if head is not None:
        start, kind = head
        end = _end_of(data, start, kind)
        if end > position:
            return start, end
    return _plain(data, line, floor)


def _head(data: bytes, line: int, floor: int) -> tuple[int, str] | None:
    """The nearest header line at or above ``line``, and its kind."""
    at = line
    for _ in range(_MOST_LINES_BACK):
        found = _HEADER.match(data, at)
        if found:
            return at, found.lastgroup or ""
        if at <= floor or line - at > _MOST_BYTES_BACK:
            return None
        at = max(data.rfind(b"\n", floor, at - 1) + 1, floor)
    return None


def _end_of(data: bytes, start: int, kind: str) -> int:
    first_line = data.find(b"\n", start) + 1 or len(data)
    if kind == "line":
        return _behind_trace(data, start, first_line)
    if kind == "document":
        closed = _document_end(data, start)
        if closed:
            return closed
    # A worker's entry, or a document that was cut off: up to the next header.
    following = _NEXT_HEADER.search(data, first_line)
    return following.start() if following else len(data)


def _behind_trace(data: bytes, start: int, end: int) -> int:
    """Behind the lines without a head of their own that go on with the headed line before ``end``.

    Of a trace in which only the first line has a head, see :mod:`.repeated_heads`.
    """
    head = data[start:end]
    is_go = b"panic: " in head or b"fatal error: " in head
    while end < len(data) and not _HEADER.match(data, end):
        if not _CONTINUATION.match(data, end) and not (is_go and _GO_FRAME.match(data, end)):
            break
        end = data.find(b"\n", end + 1) + 1 or len(data)
    if _TRACEBACK in head and end < len(data) and not _HEADER.match(data, end):
        # The exception itself, and the tracebacks chained to it.
        end = data.find(b"\n", end) + 1 or len(data)
        while chained := _CHAINED.match(data, end):
            body = _TRACEBACK_BODY.match(data, chained.end())
            end = body.end() if body else chained.end()
    return end


def _document_end(data: bytes, start: int) -> int:
    """Behind the end of an error document, or 0 if it has none before the next one begins.

    The quote and brace are set as at its beginning, so that JSON inside does not end it.
    """
    gap = _DOCUMENT_GAP.match(data, start)
    closing = _CLOSED.get(gap.group(1) if gap else b"", _CLOSED_PRETTY)
    # The next document bounds the search, or many that were cut off would each cost a whole block;
    # and most end soon.
    for most in (_SHORT_DOCUMENT_BYTES, _MOST_DOCUMENT_BYTES):
        another = _NEXT_DOCUMENT.search(data, start + 1, start + most)
        limit = another.start() if another else start + most
        closed = closing.search(data, start + 1, limit)
        # What ends where the search ended may go on behind it.
        if another or (closed and (closed.end() < limit or limit >= len(data))):
            break
    return closed.end() if closed else 0


def _plain(data: bytes, line: int, floor: int) -> tuple[int, int]:
    """The plain text around a line: a traceback, or a line and what is indented below it."""
    start = line
    while start > floor and _goes_on(data, start):
        if line - start > _MOST_BYTES_BACK:
            break
        above = max(data.rfind(b"\n", floor, start - 1) + 1, floor)
        if _HEADER.match(data, above):
            break
        start = above
    if _OPENS_TRACE.match(data, start):
        end = _behind_trace(data, start, data.find(b"\n", start) + 1 or len(data))
        if end > line:
            return start, end
    fatal = _FATAL_PYTHON.match(data, start)
    if fatal:
        return start, fatal.end()
    end = start
    while body := _TRACEBACK_BODY.match(data, end):
        end = body.end()
        chained = _CHAINED.match(data, end)
        if chained is None:
            break
        end = chained.end()
    if end <= line:
        end = data.find(b"\n", max(line, start)) + 1 or len(data)
        continued = _CONTINUED.match(data, end)
        end = continued.end() if continued else end
    return start, end


def _goes_on(data: bytes, line: int) -> bool:
    """Whether a line of plain text belongs to what stands above it."""
    if line == 0:
        return False
    above = data.rfind(b"\n", 0, line - 1) + 1
    if _CONTINUATION.match(data, line) or data.startswith((b"\n", b"\r\n"), line):
        return True
    if data.startswith((_TRACEBACK, b'  File "', b"    "), above):
        # The exception itself stands below a traceback's last line.
        return True
    if data.startswith((_TRACEBACK, b"During handling of", b"The above exception was"), line):
        return not data.startswith(_TRACEBACK, line) or bool(
            _CHAIN_ABOVE.search(data, max(line - _CHAIN_BYTES, 0), line)
        )
    fatal = data.rfind(_FATAL, max(line - _PARAGRAPH_BYTES, 0), line)
    return fatal >= 0 and not re.search(rb"\n\r?\n", data[fatal:line])
