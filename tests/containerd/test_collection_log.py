"""Collections, read from containerd's own words."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from iluvatar_bench.containerd.daemon.collection_log import (
    Collection,
    milliseconds,
    read_collections,
)
from iluvatar_bench.errors import UnusablePath
from iluvatar_bench.host.bounded_files import bound_file, copy_kept

LINES = """\
time="2026-11-25T19:50:08.480626700Z" level=info msg="loading plugin" type=io.containerd.gc.v1
time="2026-11-25T19:50:08.560971510Z" level=debug msg="snapshot garbage collected" d=248.401371ms
time="2026-11-25T19:50:08.561000845Z" level=debug msg="garbage collected" d=1.085006ms
time="2026-11-25T20:50:09.5+01:00" level=debug msg="garbage collected" d="996.898\u00b5s"
time="2026-11-25T19:50:10Z" level=debug msg="told: garbage collected" d=1ms
"""


def test_collections_of_metadata_are_read_and_nothing_else(tmp_path: Path) -> None:
    log = tmp_path / "containerd.log"
    log.write_text(LINES, encoding="utf-8")
    assert read_collections(log) == (
        Collection(datetime(2026, 11, 25, 19, 50, 8, 561000, UTC), 1.085006),
        Collection(datetime(2026, 11, 25, 19, 50, 9, 500000, UTC), pytest.approx(0.996898)),
    )


def test_a_log_without_its_middle_is_refused(tmp_path: Path) -> None:
    whole, log = tmp_path / "whole", tmp_path / "containerd.log"
    whole.write_text(LINES * 1000, encoding="utf-8")
    bound_file(str(whole), head_bytes=8192, tail_bytes=8192)
    with whole.open("rb") as source:
        copy_kept(source.fileno(), log)
    with pytest.raises(UnusablePath, match="grew too long to be kept whole"):
        read_collections(log)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1.5s", 1500), ("2m3s", 123_000), ("1h0m0.5s", 3_600_500), ("12ns", 12e-6), ("0s", 0)],
)
def test_durations_as_go_prints_them(text: str, expected: float) -> None:
    assert milliseconds(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "5", "ms", "1.5 s", "x1s"])
def test_other_texts_are_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        milliseconds(text)
