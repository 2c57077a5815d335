"""Text to bug class: what an error message, a log line or a block of either says went wrong.

Pure and total: any text gives an answer, in time proportional to its length. What the *cause* was
(the snapshot collected, a neighbour's Kill, the function's own error) is not in the text; that is
judged from evidence in :mod:`iluvatar_bench.bugs.attribute`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from iluvatar_bench.bugs.signatures import SIGNATURES, Signature
from iluvatar_bench.bugs.taxonomy import BugClass

MATCHED_LIMIT = 300
"""Most characters of a match that a classification keeps."""


@dataclass(frozen=True, slots=True)
class Classification:
    """The class of a text, and what in the text decided it.

    ``bug_class`` is None for a text that reports no failure this project knows; a caller who knows
    by other means that something failed records ``unclassified``. ``signature`` is then None and
    ``matched`` empty; else ``matched`` is the deciding text, at most :data:`MATCHED_LIMIT`
    characters.
    """

    bug_class: BugClass | None
    signature: Signature | None = None
    matched: str = ""


NO_FAILURE = Classification(None)

_ANSI_COLOUR = re.compile(r"\x1b\[[0-9;]{0,12}m")

# A level counts only where a logger writes it: at the head of a line, behind what journald, syslog
# or the CRI put in front. Further in, it is part of a message that quotes another program's log.
_CALM_LINE = re.compile(
    r"""
    # in front: syslog or journald, then the CRI's own stamp
    (?:(?:[A-Z][a-z]{2}\ [\ \d]\d\ \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S{8,30})
        \ \S{1,64}\ [\w.@/-]{1,64}(?:\[\d{1,10}\])?:\ )?
    (?:\d{4}-\d\d-\d\dT\S{8,30}\ std(?:out|err)\ [FP]\ )?
    (?:
        # [2022-07-08 15:59:16.127772 -04:00] [DEBUG]: the worker of 2022; gunicorn adds a pid
        \[\d{4}-[^\]\n]{6,40}\]\ (?:\[\d{1,10}\]\ )?\[(?:INFO|DEBUG|TRACE)\s{0,2}\]
        # 2022-07-08T15:59:16Z  INFO: Rust's tracing and env_logger, many Python set-ups
      | \[?\d{4}-\d\d-\d\d[\ T][\d:.,]{8,20}\S{0,7}\ {1,3}\[?(?:INFO|DEBUG|TRACE)\b
        # logfmt: containerd, runc, CRI-O
      | (?:time|ts)=(?:"[^"\n]{1,60}"|\S{1,60})\ level=(?:info|debug|trace)\b
        # klog: kubelet
      | I\d{4}\ \d\d:\d\d:\d\d\.\d{3,9}\ {1,8}\d
        # logrus on a terminal: ctr, nerdctl
      | (?:INFO|DEBU|TRAC)\[\d{4}
        # INFO:werkzeug: Python's basicConfig
      | (?:INFO|DEBUG):[\w.-]{1,80}:
        # Kubernetes events, with or without their age in front
      | \s{0,40}(?:\d\S{0,20}\s{1,20})?Normal\s
        # a JSON object, but not the client's error document { "Error": ... }
      | (?P<json>\{\s{0,20}"(?!Error"))
    )
    """,
    re.VERBOSE,
)
# Only a key of the object itself: inside a string every quote has a backslash before it.
_JSON_LEVEL = re.compile(r"\"level\"\s{0,4}:\s{0,4}\"(\w{1,10})\"")
_CALM_LEVELS = frozenset({"info", "debug", "trace"})


def is_calm(line: str) -> bool:
    """Whether a log line carries a level that reports no failure: info, debug or trace.

    A line without a level is not calm. Kubernetes events of type ``Normal`` are.
    """
    head = _CALM_LINE.match(line)
    if head is None:
        return False
    if head["json"] is None:
        return True
    # encoding/json sorts its keys, so "level" may stand behind a long "error".
    level = _JSON_LEVEL.search(line)
    return level is not None and level.group(1).lower() in _CALM_LEVELS


def classify_text(text: str) -> Classification:
    """The class of ``text``: an error message, a log line, or a block of several.

    Calm lines (see :func:`is_calm`) are left out, each by itself: what follows one, say a traceback
    below a program's last INFO line, is judged. Of the rest, the first signature of the table that
    occurs anywhere decides. By text alone a ``ModuleNotFoundError`` is ``missing_packages``, be it
    the snapshot's fault or the function's. Never raises.
    """
    if "\x1b" in text:
        text = _ANSI_COLOUR.sub("", text)
    judged = "\n".join(line for line in text.split("\n") if not is_calm(line))
    if not judged:
        return NO_FAILURE
    for signature in SIGNATURES:
        found = signature.pattern.search(judged)
        if found:
            return Classification(signature.bug_class, signature, found.group()[:MATCHED_LIMIT])
    return NO_FAILURE
