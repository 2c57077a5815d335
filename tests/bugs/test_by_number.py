"""Exit statuses, signals, errnos, answers: which class a number counts for, words do not say."""

from __future__ import annotations

import re

import pytest

from iluvatar_bench.bugs.classify import classify_text
from iluvatar_bench.bugs.resemblance import resemblance
from iluvatar_bench.bugs.signatures import BROAD, BY_OBJECT, SIGNATURES
from iluvatar_bench.bugs.taxonomy import BugClass
from tests.bugs.labelled_texts import labelled_texts, public_reports, written_texts

EXIT = re.compile(r"(?:[Ee]xit|[Ss]ignal)\D{0,20}\d{1,3}\W?\Z")


def test_what_ends_in_an_exit_status_is_marked_as_a_number() -> None:
    """In whatever text of the sets; of the broad signatures, for words overrule no others."""
    numbers = [s for s in (*SIGNATURES, *BY_OBJECT) if s.by_number]
    assert all(s.alternatives for s in numbers)
    ends = set()
    for text in (*labelled_texts(), *public_reports(), *written_texts()):
        found = classify_text(text.text)
        if found.signature in BROAD and EXIT.search(found.matched):
            ends.add(found.signature)
    assert len(ends) > 6
    assert ends <= set(numbers)


@pytest.mark.parametrize(
    ("text", "bug_class"),
    [
        # The words alone say process_died, daemon_crashed, oom_killed and invoke_failed.
        (
            "2025-01-08 04:12:27,441 INFO exited: worker (exit status 1; not expected)",
            BugClass.STARTUP_ERROR,
        ),
        (
            "web.daemon.service: Main process exited, code=exited, status=1/FAILURE",
            BugClass.STARTUP_ERROR,
        ),
        (
            "Low Memory! At or below sigterm limits (mem: 10 %, swap: 10 %)\n"
            "Killing process 'sh' with signal 15, pid: 7, badness: 500, VmRSS: 100 MiB",
            BugClass.PROCESS_DIED,
        ),
        ('stderr="HTTP probe failed with statuscode: 503"', BugClass.SILENT_STARTUP),
    ],
)
def test_words_do_not_know_better(text: str, bug_class: BugClass) -> None:
    found = classify_text(text)
    assert found.signature is not None
    assert found.signature.by_number
    assert found.bug_class is bug_class
    said = resemblance(text).preferred(bug_class, head_start=0)[0]
    assert said in found.alternatives
