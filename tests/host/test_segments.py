"""A journal in segments is one journal to its reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from iluvatar_bench.errors import UsageError
from iluvatar_bench.host.journal import Journal, segments_of
from iluvatar_bench.host.segments import SegmentedJournal


def test_every_line_is_read_in_its_order_from_however_many_segments(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = SegmentedJournal(path, segment_bytes=100)
    for number in range(50):
        journal.append({"number": number})
    journal.close()
    segments = segments_of(path)
    assert len(segments) > 5
    assert all(100 <= segment.stat().st_size < 120 for segment in segments)
    assert [row["number"] for row in Journal(path).rows()] == list(range(50))


def test_it_goes_on_behind_the_last_segment_of_an_earlier_process(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    for first in (0, 20):
        journal = SegmentedJournal(path, segment_bytes=100)
        for number in range(first, first + 20):
            journal.append({"number": number})
        journal.close()
        # What a kill leaves behind the last whole line.
        with path.open("ab") as file:
            file.write(b'{"number": ')
    assert [row["number"] for row in Journal(path).rows()] == list(range(40))


def test_the_newest_parts_are_read_alone_and_a_torn_line_is_none_of_them(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = SegmentedJournal(path, segment_bytes=100)
    for number in range(20):
        journal.append({"number": number})
    journal.close()
    parts = [
        [int(line[11:-1]) for line in part.read_text().splitlines()]
        for part in (*segments_of(path), path)
        if part.exists()
    ]
    # All that the last part has is what a kill has left of its first line.
    path.with_name("journal.000099.jsonl").write_text('{"number": 2')

    def newest(count: int) -> list[int]:
        return [row["number"] for row in Journal(path).each_row(newest=count)]

    assert newest(1) == parts[-1]
    assert newest(2) == [*parts[-2], *parts[-1]]
    assert newest(99) == list(range(20))
    assert list(Journal(tmp_path / "none.jsonl").each_row(newest=1)) == []


def test_the_oldest_segments_go_and_are_counted(tmp_path: Path) -> None:
    journal = SegmentedJournal(tmp_path / "events.jsonl", segment_bytes=50, most_segments=2)
    for number in range(40):
        journal.append({"number": number})
    journal.close()
    rows = [row["number"] for row in journal.rows()]
    assert rows == list(range(rows[0], 40))
    assert rows[0] > 0
    assert journal.dropped > 5
    assert len(segments_of(journal.path)) == 2


def test_damage_within_a_segment_is_no_torn_end(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = SegmentedJournal(path, segment_bytes=60)
    for number in range(12):
        journal.append({"number": number})
    journal.close()
    segment = segments_of(path)[0]
    segment.write_bytes(segment.read_bytes().replace(b'"number": 0', b'"number: 0'))
    with pytest.raises(UsageError, match=r"journal\.000001\.jsonl is damaged: line 1"):
        Journal(path).rows()
