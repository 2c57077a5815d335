"""What a program reports and gets over: warnings, optional parts, errors of logging itself.

A missing file or module that stands in such words is no failure. Everything else in the text is.
"""

from __future__ import annotations

import re

from iluvatar_bench.bugs.event_lines import is_warning_event
from iluvatar_bench.bugs.signatures.literals import PrefilteredPattern, prefiltered

_WARNING = PrefilteredPattern(
    re.compile(
        r"(?:^|[^\w.])(?:WARN|WARNING|Warning|warning|[A-Z]\w{0,40}Warning)\b"
        r"|(?:^|\]: )W\d{4} \d\d:|level=warn|\"level\"\s?:\s?\"warn|: W [a-z]\w{1,30}/|\(W\)"
    ),
    # By hand: derived from klog's head it would be a space, which is everywhere. The digits are
    # those that a month can begin with.
    ("WARN", "arning", "W0", "W1", '"level"', "level=warn", ": W ", "(W)"),
)
_OPTIONAL = prefiltered(
    r"\b(?:[Oo]ptional|[Ff]all(?:ing|s)? ?back|[Ff]allback"
    r"|[Ss]kipp(?:ing|ed)(?! (?:any |all )?(?:further|remaining))|[Ii]gnor(?:ing|ed)"
    r"|[Dd]isabl(?:ing|ed)|[Dd]efaulting to|[Cc]ontinuing without|[Rr]everting to|using defaults?"
    r"|not installed, us(?:e|ing)|SKIPPING|IGNORED|will be (?:un)?available|instead\b"
    r"|[Rr]ecalculating\.\.\.|serving from upstream|[Tt]his is expected(?! to\b))"
)
# PHP warns of a required file just before it gives up; what kubelet skips is the pod itself.
_FATAL_WARNING = re.compile(
    r"\b(?:require|include)(?:_once)?\(|was not loaded|syncing pod|[Ss]kipping [Pp]od [Ss]ync"
)
_ERROR_HEAD = re.compile(
    r"\s{0,8}(?:ERROR|FATAL|CRITICAL|Error|Fatal|E\d{4} |\S{0,60}level=(?:error|fatal))"
)
_SPEAKS_OF_TROUBLE = re.compile(
    r"[Ff]ail|[Cc]ould not|[Cc]ouldn't|[Cc]annot|[Cc]an't|[Uu]nable|[Ee]rror|[Ee]xception"
    r"|[Mm]issing|not (?:found|available|installed|supported)|[Uu]navailable|[Oo]ptional"
    r"|[Ff]all(?:ing|s)? ?back|[Ff]allback|[Ss]kipp|[Ii]gnor|[Dd]isabl|[Ww]ithout"
)
_TRACEBACK = "Traceback (most recent call last)"
_NAME = re.compile(r"'([\w./-]{2,200})'|named (\w{2,100})")
_MOST_LINES = 2_000


def without_handled(text: str) -> str:
    """``text`` without what its program got over by itself.

    Left out are: Python's ``--- Logging error ---`` blocks and exceptions that it ignores; lines
    that are warnings, or say that they do without; and a traceback directly below such a line,
    where that line names what was missing, or the program goes on to log after it.
    """
    if not _may_hold(text):
        return text
    lines = text.split("\n")
    if len(lines) > _MOST_LINES:
        return text
    kept: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.startswith("--- Logging error ---"):
            at = _behind_logging_error(lines, at)
        elif line.startswith("Exception ignored in"):
            end = _behind_traceback(lines, at + 1)
            at = max(end, at + 1)
        elif _gets_over(line):
            end = _behind_traceback(lines, at + 1)
            at = end if end > at + 1 and _is_over(line, lines, end) else at + 1
        else:
            kept.append(line)
            at += 1
    return "\n".join(kept)


def does_without(line: str) -> bool:
    """Whether a line says that its program goes on without what it speaks of."""
    return _OPTIONAL.occurs_in(line)


def is_got_over(above: str, trace: list[str], following: str) -> bool:
    """Whether the line above a traceback says that the program goes on without what it names.

    ``trace`` are its lines, the exception last; ``following`` is the next line that is not empty.
    In a whole log the line above may be of something else, and the one below of the next start: so
    the one above must name what is missing, or say that something did not work.
    """
    if not _gets_over(above) or (
        _SPEAKS_OF_TROUBLE.search(above) is None and not _names(above, trace)
    ):
        return False
    return _is_over(above, [*trace, following], len(trace))


def _names(above: str, trace: list[str]) -> bool:
    named = _NAME.search(trace[-1])
    return named is not None and (named.group(1) or named.group(2)) in above


def _may_hold(text: str) -> bool:
    return (
        "--- Logging error ---" in text
        or "Exception ignored in" in text
        or _WARNING.occurs_in(text)
        or _OPTIONAL.occurs_in(text)
        or "\nW" in text
    )


def _gets_over(line: str) -> bool:
    if is_warning_event(line) or _FATAL_WARNING.search(line) or _ERROR_HEAD.match(line):
        return False
    return _WARNING.pattern.search(line[:160]) is not None or _OPTIONAL.occurs_in(line)


def _behind_logging_error(lines: list[str], at: int) -> int:
    for end in range(at + 1, min(at + 200, len(lines))):
        if lines[end].startswith("Arguments: "):
            return end + 1
    return len(lines)


def _behind_traceback(lines: list[str], at: int) -> int:
    """Behind the traceback that begins at line ``at``; ``at`` itself if none does."""
    if at >= len(lines) or not lines[at].lstrip().startswith(_TRACEBACK):
        return at
    end = at + 1
    while end < len(lines) and lines[end][:1] in (" ", "\t"):
        end += 1
    return min(end + 1, len(lines))


def _is_over(warning: str, lines: list[str], end: int) -> bool:
    """Whether the traceback that ends before ``end`` is the warning's own."""
    named = _NAME.search(lines[end - 1])
    if named and (named.group(1) or named.group(2)) in warning:
        return True
    following = next((line for line in lines[end:] if line.strip()), "")
    return bool(following) and not _ERROR_HEAD.match(following) and _TRACEBACK not in following
