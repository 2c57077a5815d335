"""Traces of which every line carries the head of syslog, journald, kubectl or compose.

The lines of one trace then look like entries of their own. Of those that go on with the line above
them the head is taken away: what is left is what the program wrote, and the trace stays whole.
"""

from __future__ import annotations

import re

_HEAD = re.compile(
    rb"(?:<\d{1,3}>)?(?:"
    # RFC 5424, RFC 3164, journald's short and short-iso, and a tag alone, as it is read from JSON
    rb"1 \S{10,40} (?P<a>\S{1,64} \S{1,64} \S{1,20}) \S{1,40} (?:-|\[[^\]\n]{1,400}\]) "
    rb"|(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S{8,30}) "
    rb"(?P<b>\S{1,64} [\w.@/:-]{1,64}(?:\[\d{1,10}\])?): "
    rb"|(?P<c>[\w.@/-]{1,64}\[\d{1,10}\]): "
    # kubectl logs --prefix, docker compose logs
    rb"|(?P<d>\[pod/[^\]\s]{1,200}\]) "
    rb"|(?P<e>[\w.-]{1,80}) {1,40}\| )"
)
_GOES_ON = re.compile(
    rb"[ \t]+\S|\Z|Caused by: |During handling of|The above exception was|\.\.\. \d|goroutine \d"
    rb"|[}\])]|\^|Require stack:|- /|(?:main|github\.com|runtime)[\w./()*-]{0,120}\(|created by "
    rb"|exit status \d+\Z|--- End of"
)
_INDENTED = re.compile(rb"[ \t]+\S")
# One of these is in every trace that is written over several lines.
_TRACES = (
    b"Traceback (most recent call last)",
    b"\tat ",
    b"   at ",
    b"goroutine ",
    b"Require stack:",
)


def holds_trace(data: bytes) -> bool:
    """Whether a line of what may be a trace has a head, at a fraction of the cost of looking."""
    for trace in _TRACES:
        at = data.find(trace)
        while at >= 0:
            if _HEAD.match(data, data.rfind(b"\n", 0, at) + 1, at):
                return True
            end = data.find(b"\n", at)
            at = data.find(trace, end) if end >= 0 else -1
    return False


def without_repeated_heads(lines: list[bytes]) -> list[bytes]:
    """The lines, those that go on with the one above without their head; as many as before."""
    kept: list[bytes] = []
    key: bytes | None = None
    in_python = False
    for line in lines:
        head = _HEAD.match(line)
        name = head.group(head.lastgroup or 0) if head else None
        text = line[head.end() :] if head else line
        goes_on = name is not None and name == key
        if goes_on and (_GOES_ON.match(text) or in_python):
            kept.append(text)
            # Python's exception stands below the last indented line.
            in_python = in_python and _INDENTED.match(text) is not None
        else:
            kept.append(line)
            in_python = False
        in_python = in_python or text.startswith(_TRACES[0])
        key = name
    return kept
