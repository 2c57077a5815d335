"""From a failed step to a bug class: the text where it is known, the circumstances otherwise."""

from __future__ import annotations

import re

from iluvatar_bench.bugs.classify import classify_text
from iluvatar_bench.bugs.taxonomy import BugClass

_SIGNALLED = 128
"""Exit statuses above this are death by signal (shells' and containerd's convention)."""

_UNFINISHED = re.compile(
    r"Traceback \(most recent call last\):\n(?:[ \t][^\n]*\n)*(?:[ \t][^\n]*)?\Z"
)
"""A traceback without its last line, which alone says what was wrong."""


def startup_symptom(*, stdout: str, stderr: str, exit_status: int | None) -> BugClass:
    """The class of a process that was started and never became ready.

    ``exit_status`` is None for one that still ran when the time was up. A process that says what
    is wrong is classified by what it says; one that ends by itself with any words has a start-up
    error; the rest is silent. So is one that a signal ended in the middle of its traceback.
    """
    killed = exit_status is not None and exit_status > _SIGNALLED
    for text in (stderr, stdout):
        found = classify_text(_UNFINISHED.sub("", text) if killed else text).symptom
        if found is not None:
            return found
    ended_by_itself = exit_status is not None and 0 < exit_status <= _SIGNALLED
    if ended_by_itself and (stderr.strip() or stdout.strip()):
        return BugClass.STARTUP_ERROR
    return BugClass.SILENT_STARTUP


def start_symptom(text: str, *, exit_status: int | None) -> BugClass:
    """The class of a Tasks.Start that was answered with this error text.

    A process that has ended by then (``exit_status`` is known) never said a word, however the
    runtime puts it: runc 1.1 answers a killed init also with ``cannot start an already running
    container``, because it tells *created* from *running* by a FIFO that is gone by then.
    """
    found = classify_text(text).symptom
    if found is None and exit_status is not None:
        return BugClass.SILENT_STARTUP
    return found or BugClass.UNCLASSIFIED


def error_symptom(text: str) -> BugClass:
    """The class of a request that was answered with this error text; never None."""
    return classify_text(text).symptom or BugClass.UNCLASSIFIED
