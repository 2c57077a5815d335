"""How many of the labelled texts get their class, and how few of the healthy ones one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from iluvatar_bench.bugs.classify import classify_text
from iluvatar_bench.bugs.taxonomy import CLASSES_OF_2022, BugClass
from iluvatar_bench.worker_logs import scan
from iluvatar_bench.worker_logs.prefilter import Prefilter
from tests.bugs.labelled_texts import (
    LabelledText,
    is_right,
    labelled_texts,
    public_reports,
    without_ids,
    written_texts,
)


def _share(texts: list[LabelledText]) -> float:
    return sum(is_right(t, classify_text(t.text)) for t in texts) / len(texts)


def test_nine_tenths_of_the_labelled_failures_get_their_class() -> None:
    for testing in (False, True):
        failures = [t for t in labelled_texts() if t.for_testing == testing and not t.is_healthy]
        assert _share(failures) >= 0.9
        noticed = [t for t in failures if classify_text(t.text).bug_class is not None]
        assert len(noticed) >= 0.98 * len(failures)


@pytest.mark.parametrize("bug_class", CLASSES_OF_2022)
def test_the_classes_of_2022_are_found(bug_class: BugClass) -> None:
    texts = [t for t in labelled_texts() if t.labels[0] == bug_class]
    assert len(texts) >= 15
    assert _share(texts) >= 0.95


def test_healthy_texts_raise_no_alarm() -> None:
    assert _share([t for t in labelled_texts() if t.is_healthy]) >= 0.97


@pytest.mark.parametrize("read", [public_reports, written_texts])
def test_lines_of_public_reports_get_their_class(read: Callable[[], list[LabelledText]]) -> None:
    texts = read()
    failures = [t for t in texts if not t.is_healthy]
    assert _share(failures) >= 0.9
    noticed = [t for t in failures if classify_text(t.text).bug_class is not None]
    assert len(noticed) >= 0.98 * len(failures)
    assert _share([t for t in texts if t.is_healthy]) >= 0.97


def test_no_line_of_a_public_report_is_in_two_sets() -> None:
    """A line that was learnt from is not at first sight: whatever its ids, numbers and spaces."""
    texts = [without_ids(text) for text in public_reports()]
    assert not [text for text, count in Counter(texts).items() if count > 1]


def test_the_search_for_words_shows_every_line_that_counts() -> None:
    """What decides whether a line of a file is looked at at all misses none of them."""
    prefilter = Prefilter()
    for text in (*labelled_texts(), *public_reports(), *written_texts()):
        if classify_text(text.text).bug_class is not None:
            assert prefilter.places(f"{text.text}\n".encode()), text.text


def test_healthy_logs_of_real_daemons_raise_no_alarm() -> None:
    """Whole runs of containers that did well, some of them stopped or killed by their client.

    containerd 1.6, 1.7 and 2.x, with and without pods that a client runs in the kubelet's order;
    dockerd 20.10, 26.1 and 28.5 in both stores, with a bridge; the same through journald, short
    and JSON. Recorded on Debian 12 with ``ctr``, ``docker`` and the CRI's own calls.
    """
    logs = sorted((Path(__file__).parent / "healthy_logs").iterdir())
    assert len(logs) == 16
    report = scan(logs)
    assert report.files["lines"].sum() > 2_000
    assert report.failures.empty
    assert report.unclassified.empty
