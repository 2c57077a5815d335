"""Damaged input: reported by file and line, the rest read, never an exception."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import random
import tracemalloc
from pathlib import Path

import pytest
from hostile import check, hostile_log
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iluvatar_bench.benchmarks.generated_logs import write_log
from iluvatar_bench.worker_logs import LogReport, scan
from iluvatar_bench.worker_logs.lines import MAX_LINE_BYTES, Block, whole_lines
from iluvatar_bench.worker_logs.prefilter import search_words
from iluvatar_bench.worker_logs.problems import KEPT_PER_FILE, Problems
from iluvatar_bench.worker_logs.split import entry_around, last_boundary

FAILURE = b"hello-0.0.5-19293B05-F0B7-8235-B4FC-C24D53331CC6: cannot start a stopped process\n"
OTHER = FAILURE.replace(b"C24D", b"D24D")


def scan_bytes(data: bytes) -> LogReport:
    return scan(["-"], stdin=io.BytesIO(data))


def unreadable(report: LogReport) -> list[tuple[int, str]]:
    return [(row.line, row.reason) for row in report.unreadable.itertuples()]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"one \0 NUL\n", "NUL bytes"),
        (b"caf\xe9\n", "not UTF-8"),
        (b"\xff\xfe\n", "not UTF-8"),
        (b"x" * (MAX_LINE_BYTES + 1) + b"\n", f"a line of more than {MAX_LINE_BYTES} bytes"),
    ],
)
def test_a_bad_line_is_named_and_the_rest_is_read(bad: bytes, reason: str) -> None:
    report = scan_bytes(FAILURE + bad + OTHER + b"fine\n")
    assert unreadable(report) == [(2, reason)]
    assert report.failures["line"].tolist() == [1, 3]
    assert report.files["lines"].tolist() == [4]


def test_what_is_legible_in_a_damaged_line_is_still_judged() -> None:
    report = scan_bytes(FAILURE.replace(b"cannot", b"\xff cannot"))
    assert report.failures["bug_class"].tolist() == ["silent_startup"]
    assert unreadable(report) == [(1, "not UTF-8")]


def test_an_object_that_was_cut_short_is_named_even_if_healthy() -> None:
    good = b'{"timestamp":"2025-03-05 10:11:12.5","level":"INFO","fields":{"message":"x"}}\n'
    cut = b'{"timestamp":"2025-03-05 10:11:12.5","level":"INFO","fie\n'
    failed = b'{"timestamp":"2025-03-05 10:11:12.5","level":"ERROR","fields":{"message":"ttrpc: clo'
    report = scan_bytes(good * 3 + cut + good + failed)
    reason = "a JSON object that was cut short"
    assert unreadable(report) == [(4, reason), (6, reason)]


@pytest.mark.parametrize("unit", [b'{"a":', b"[", b'[{"a":'])
def test_deep_json_is_named(unit: bytes) -> None:
    closing = {b'{"a":': b"}", b"[": b"]", b'[{"a":': b"}]"}[unit]
    depth = 20_000
    deep = b'{"level":"error","msg":' + unit * depth + b"1" + closing * depth + b"}\n"
    report = scan_bytes(FAILURE + deep + OTHER)
    reason = "not a complete JSON object" if parses_to(unit) else "JSON nested too deep"
    assert unreadable(report) == [(2, reason)]
    assert len(report.failures) == 2


def parses_to(unit: bytes) -> bool:
    """Whether Python's parser comes to the end of what is read of a line that nests so.

    3.11's does not; how far it goes in 3.12 differs by its last number.
    """
    try:
        json.loads(unit * (MAX_LINE_BYTES // len(unit)))
    except RecursionError:
        return False
    except json.JSONDecodeError:
        return True
    raise AssertionError("it has no end")


def test_a_damaged_archive_gives_what_lies_before_the_damage(tmp_path: Path) -> None:
    path = tmp_path / "worker.log.gz"
    lines = b"".join(b"%032x\n" % random.Random(n).getrandbits(128) for n in range(50_000))
    path.write_bytes(gzip.compress(FAILURE + lines + OTHER)[:-4000])
    report = scan([path])
    assert report.failures["line"].tolist() == [1]
    assert report.unreadable["reason"].str.startswith("damaged gzip data").tolist() == [True]
    assert report.unreadable["line"].item() > 1000


@pytest.mark.parametrize(
    "data", [b"\x1f\x8b", b"\x1f\x8bnot gzip at all", gzip.compress(b"x", mtime=0) + b"tail", b""]
)
def test_what_only_claims_to_be_gzip_raises_nothing(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(data)
    assert len(scan([path]).unreadable) == (1 if data else 0)


def test_plain_text_named_gz_is_plain_text(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(FAILURE)
    assert len(scan([path]).failures) == 1


def test_a_binary_file_is_counted_in_full_and_kept_in_bounds(tmp_path: Path) -> None:
    path = tmp_path / "binary"
    path.write_bytes(b"\0\xff\n" * 20_000)
    report = scan([path])
    assert len(report.unreadable) == KEPT_PER_FILE
    assert report.files["unreadable"].tolist() == [20_000]


class _Endless(io.RawIOBase):
    """``size`` bytes of one line, made as they are read."""

    def __init__(self, size: int) -> None:
        self.left = size

    def readable(self) -> bool:
        return True

    def read1(self, size: int) -> bytes:
        size = min(size, self.left)
        self.left -= size
        return b"x" * size


def test_a_line_of_50_megabytes_is_never_held() -> None:
    stream = _Endless(50_000_000)
    chunks = iter(lambda: stream.read1(1 << 18), b"")
    problems = Problems("x")
    tracemalloc.start()
    try:
        blocks = list(whole_lines([FAILURE, *chunks, b"\n", OTHER], problems))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [b.line for b in blocks] == [1, 3]
    assert problems.count == 1
    # The chunks themselves are made in advance here.
    assert peak < 60_000_000


@given(
    st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"\r", b"")), max_size=30),
    st.lists(st.integers(min_value=0, max_value=1200), max_size=8),
)
def test_lines_survive_any_cut_into_chunks(lines: list[bytes], cuts: list[int]) -> None:
    data = b"\n".join(lines)
    bounds = sorted({0, len(data), *(c for c in cuts if c < len(data))})
    chunks = [data[a:b] for a, b in itertools.pairwise(bounds)]
    blocks = list(whole_lines(chunks, Problems("x")))
    assert b"".join(block.data for block in blocks) == data
    for block in blocks:
        assert block.ends == block.data.count(b"\n")
    numbers = [block.line for block in blocks]
    assert numbers == [1 + data.count(b"\n", 0, sum(map(len, _data(blocks[:n])))) for n in
                       range(len(blocks))]  # fmt: skip


def _data(blocks: list[Block]) -> list[bytes]:
    return [block.data for block in blocks]


PIECES = st.sampled_from(
    [word.encode() for word in search_words()]
    + [b"\n", b"\n\n", b"\r\n", b" ", b"    ", b"\0", b"\xff", b'"', b"}", b'" }\n', b"{ "]
    + [b'{ "Error": "', b'{"timestamp":"2025-03-05 10:11:12.5",', b'"level":"ERROR"', b'"tid":"t1"']
    + [b"[2022-07-08 15:59:16.127772 -04:00] [ERROR] [m] [t1] ", b'time="2024" level=error msg="']
    + [b"Traceback (most recent call last):\n", b'  File "x", line 1\n', FAILURE, OTHER]
    + [b"\nDuring handling of the above exception, another exception occurred:\n\n"]
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(PIECES, max_size=60).map(b"".join))
def test_any_bytes_give_a_report(data: bytes) -> None:
    report = scan_bytes(data)
    check(report)
    assert report.files["bytes"].tolist() == [len(data)]


@settings(deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=40).map(b"".join), st.data())
def test_an_entry_holds_its_position_and_stays_above_the_floor(
    data: bytes, chosen: st.DataObject
) -> None:
    if not data:
        return
    position = chosen.draw(st.integers(min_value=0, max_value=len(data) - 1))
    floor = data.rfind(b"\n", 0, chosen.draw(st.integers(min_value=0, max_value=position))) + 1
    start, end = entry_around(data, position, floor)
    assert floor <= start <= position < end <= len(data)
    assert start == 0 or data[start - 1 : start] == b"\n"
    assert 0 <= last_boundary(data) <= len(data)


@pytest.mark.parametrize("seed", range(12))
def test_mutated_logs_give_a_report(tmp_path: Path, seed: int) -> None:
    check(scan([hostile_log(seed, tmp_path)]))


@pytest.mark.parametrize("format", ["worker-2022", "plain", "error-document"])
def test_the_size_of_chunks_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    """An entry that lies across the end of a chunk is one entry."""
    path = tmp_path / "a.log"
    write_log(path, format=format, size_bytes=60_000, failures=40)
    whole = scan([path]).failures
    for size in (100, 1000, 7919):
        monkeypatch.setattr("iluvatar_bench.worker_logs.source.CHUNK_BYTES", size)
        again = scan([path]).failures
        assert again.equals(whole)
