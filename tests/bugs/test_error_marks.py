"""What its program marks as an error is noticed, whatever stands in front of the mark."""

from __future__ import annotations

import pytest

from iluvatar_bench.bugs.classify import classify_text


@pytest.mark.parametrize(
    ("text", "noticed"),
    [
        ("web_1  | [2021-08-25 23:24:53,573: ERROR/MainProcess] the frob is odd", True),
        ("containerd-shim-odd-v1 -info: the frob cannot be read", True),
        ('[talos] 2024/02/06 17:46:18 the frob {"controller": "x", "error": "it is odd"}', True),
        ('[talos] 2024/02/06 17:46:18 the frob {"controller": "x", "error": ""}', False),
        ("   Active: activating (auto-restart) (Result: signal) since Wed 2019-12-18", True),
        # FIRSTSEEN, LASTSEEN, COUNT, FROM; or a namespace in front
        ("  34m    29m    3    kubelet, ip-172-76    Warning OddReason    the frob is odd", True),
        ("shop           120m      Warning     OddReason      web-1     the frob is odd", True),
        ("shop           120m      Normal      OddReason      web-1     the frob is odd", False),
        # The F of the CRI says that the line is whole, not that it is fatal.
        ('2025-01-15T01:35:04.106+08:00 stdout F level=info msg="Could not frob"', False),
        ("conmon 77ab01cc <ndebug>: failed to write to /proc/self/oom_score_adj: odd", False),
        # What is set, help, headings: words that sound like an error.
        ('  "io.containerd.timeout.task.state" = "2s"', False),
        ("  --timeout duration     Time to wait before giving up", False),
        ("### What happened? Describe the failure", False),
    ],
)
def test_marks_behind_heads_of_many_kinds_are_found(text: str, noticed: bool) -> None:
    assert (classify_text(text).bug_class is not None) is noticed
