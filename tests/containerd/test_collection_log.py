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
from iluvatar_bench.monitor.collection_follow import follow_collections

LINES = """\
time="2026-11-25T19:50:08.480626700Z" level=info msg="loading plugin" type=io.containerd.gc.v1
time="2026-11-25T19:50:08.560971510Z" level=debug msg="snapshot garbage collected" d=248.401371ms
time="2026-11-25T19:50:08.561000845Z" level=debug msg="garbage collected" d=1.085006ms
time="2026-11-25T20:50:09.5+01:00" level=trace msg="garbage collected" d="996.898\u00b5s"
time="2026-11-25T19:50:10Z" level=debug msg="told: garbage collected" d=1ms
"""


def test_collections_of_metadata_are_read_and_nothing_else(tmp_path: Path) -> None:
    log = tmp_path / "containerd.log"
    log.write_text(LINES, encoding="utf-8")
    assert read_collections(log) == (
        Collection(datetime(2026, 11, 25, 19, 50, 8, 561000, UTC), 1.085006),
        Collection(datetime(2026, 11, 25, 19, 50, 9, 500000, UTC), pytest.approx(0.996898)),
    )


WHAT_WENT = """\
time="2026-11-25T19:50:08Z" level=debug msg="removed snapshot" key=bench/12/hello-1 snapshotter=o
time="2026-11-25T19:50:08Z" level=debug msg="removed content" key="sha256:0123"
time="2026-11-25T19:50:08Z" level=debug msg="removed snapshot" key=bench/7/layer/two snapshotter=o
time="2026-11-25T19:50:09Z" level=debug msg="garbage collected" d=1ms
time="2026-11-25T19:50:10Z" level=debug msg="garbage collected" d=2ms
"""


def test_a_collection_tells_what_went_before_its_end(tmp_path: Path) -> None:
    log = tmp_path / "containerd.log"
    log.write_text(WHAT_WENT)
    first, second = read_collections(log)
    assert (first.snapshots, first.contents) == (("hello-1", "layer/two"), 1)
    assert (second.snapshots, second.contents) == ((), 0)


async def test_a_log_is_followed_over_lines_that_are_not_whole_yet(tmp_path: Path) -> None:
    log, seen = tmp_path / "containerd.log", list[Collection]()
    log.write_text(LINES, encoding="utf-8")
    async with follow_collections(log, seen.append) as reader:
        assert reader is not None
        reader.read_on()
        assert seen == [], "what was there before"
        with log.open("a", encoding="utf-8") as file:
            half = len(WHAT_WENT) // 2
            for part in (WHAT_WENT[:half], WHAT_WENT[half:]):
                file.write(part)
                file.flush()
                reader.read_on()
        assert [collection.pause_ms for collection in seen] == [1, 2]
        assert seen[0].contents == 1
        log.unlink()
        reader.read_on()
        assert reader.broken is not None


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
