"""The raw parser: what the kernel wrote comes out as it went in, and anything else is refused."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iluvatar_bench.host.kernel.trace_format import parse_format
from iluvatar_bench.host.kernel.trace_pages import PageLayout, parse_layout, parse_page

pytestmark = pytest.mark.skipif(sys.byteorder != "little", reason="pages are written little-endian")

SIGNAL_FORMAT = """name: signal_generate
ID: 261
format:
\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;
\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;
\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;

\tfield:int sig;\toffset:8;\tsize:4;\tsigned:1;
\tfield:int errno;\toffset:12;\tsize:4;\tsigned:1;
\tfield:int code;\toffset:16;\tsize:4;\tsigned:1;
\tfield:char comm[16];\toffset:20;\tsize:16;\tsigned:0;
\tfield:pid_t pid;\toffset:36;\tsize:4;\tsigned:1;
\tfield:int group;\toffset:40;\tsize:4;\tsigned:1;
\tfield:int result;\toffset:44;\tsize:4;\tsigned:1;

print fmt: "sig=%d errno=%d", REC->sig, REC->errno
"""
FORK_FORMAT = """name: sched_process_fork
ID: 366
format:
\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;
\tfield:__data_loc char[] parent_comm;\toffset:8;\tsize:4;\tsigned:0;
\tfield:pid_t parent_pid;\toffset:12;\tsize:4;\tsigned:1;
"""
# As Linux 6.18 gave it: SIGKILL by process 30004 to its child 30050, called python3.
SEEN = bytes.fromhex(
    "0501010134750000"
    "09000000000000000000000070797468"
    "6f6e3300000000000000000062750000"
    "0100000000000000"
)
PAGE = """\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;
\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;
\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;
\tfield: char data;\toffset:16;\tsize:4080;\tsigned:0;
"""
EVENT = """# compressed entry header
\ttype_len    :    5 bits
\ttime_delta  :   27 bits
\tarray       :   32 bits
"""
LAYOUT = parse_layout(PAGE, EVENT)


def word(number: int) -> bytes:
    return number.to_bytes(4, "little")


def head(kind: int, delta: int) -> bytes:
    return word(kind | delta << 5)


def one_event(payload: bytes, delta: int) -> bytes:
    """An event as the kernel lays it down: padded to words, its length in the head if it fits."""
    extend = b""
    if delta >> 27:
        extend = head(30, delta & (1 << 27) - 1) + word(delta >> 27)
        delta = 0
    if len(payload) <= 112:
        return extend + head(len(payload) // 4, delta) + payload
    return extend + head(0, delta) + word(len(payload) + 4) + payload


def page_of(data: bytes, *, at: int = 1000, flags: int = 0, behind: bytes = b"") -> bytes:
    return at.to_bytes(8, "little") + (len(data) | flags).to_bytes(8, "little") + data + behind


def test_a_signal_as_a_kernel_wrote_it() -> None:
    described = parse_format(SIGNAL_FORMAT)
    assert (described.name, described.number) == ("signal_generate", 261)
    page = page_of(one_event(SEEN, 5))
    ((at, payload),) = parse_page(page, LAYOUT).events
    values = described.decode(payload)
    assert at == 1005
    assert (values["common_pid"], values["sig"], values["pid"]) == (30004, 9, 30050)
    assert (values["comm"], values["group"], values["result"]) == ("python3", 1, 0)


def test_a_text_that_stands_elsewhere_in_the_event() -> None:
    described = parse_format(FORK_FORMAT)
    placed = bytes(8) + word(16 | 5 << 16) + word(77) + b"runc\0\xff"
    assert described.decode(placed)["parent_comm"] == "runc"
    beyond = bytes(8) + word(16 | 50 << 16) + word(77)
    with pytest.raises(ValueError, match="ends before the text"):
        described.decode(beyond)
    with pytest.raises(ValueError, match="ends before its field"):
        described.decode(beyond[:10])


def test_fields_are_where_the_description_says() -> None:
    moved = SIGNAL_FORMAT.replace("field:int sig;\toffset:8;", "field:int sig;\toffset:12;")
    assert parse_format(moved).decode(SEEN)["sig"] == 0
    for text in ("", "name: x\nID: 1\n", SIGNAL_FORMAT.replace("ID:", "Id:")):
        with pytest.raises(ValueError, match="no description"):
            parse_format(text)


def test_a_layout_that_is_not_known_is_refused() -> None:
    assert LAYOUT.data == 16
    for page, event in (
        (PAGE.replace("commit", "count"), EVENT),
        (PAGE, EVENT.replace("27", "28")),
    ):
        with pytest.raises(ValueError, match="not known"):
            parse_layout(page, event)


payloads = st.integers(1, 60).flatmap(
    lambda words: st.binary(min_size=4 * words, max_size=4 * words)
)
deltas = st.integers(0, 1 << 40)


@given(events=st.lists(st.tuples(payloads, deltas), max_size=12), at=st.integers(0, 1 << 58))
def test_what_was_written_is_read(events: list[tuple[bytes, int]], at: int) -> None:
    data = b"".join(one_event(payload, delta) for payload, delta in events)
    found = parse_page(page_of(data, at=at), LAYOUT)
    wanted, now = [], at
    for payload, delta in events:
        now += delta
        wanted.append((now, payload))
    assert list(found.events) == wanted
    assert found.lost == 0


def test_padding_absolute_times_and_the_unused_rest() -> None:
    padding = head(29, 1) + word(12) + bytes(8)
    stamp = head(31, 7) + word(3)
    rest = head(29, 0) + bytes(40)
    data = padding + one_event(b"abcd", 2) + stamp + one_event(b"efgh", 1) + rest
    found = parse_page(page_of(data), LAYOUT)
    assert found.events == ((1003, b"abcd"), ((3 << 27) + 8, b"efgh"))


def test_lost_events_are_counted() -> None:
    data = one_event(b"abcd", 1)
    assert parse_page(page_of(data, flags=1 << 31), LAYOUT).lost == 1
    told = (12).to_bytes(8, "little")
    assert parse_page(page_of(data, flags=3 << 30, behind=told), LAYOUT).lost == 12


@given(page=st.binary(max_size=200))
def test_any_bytes_are_events_or_refused(page: bytes) -> None:
    check_total(page, LAYOUT)


@given(data=st.binary(max_size=120), at=st.integers(0, 1 << 63))
def test_any_data_behind_a_good_head_is_events_or_refused(data: bytes, at: int) -> None:
    check_total(page_of(data, at=at), LAYOUT)


def check_total(page: bytes, layout: PageLayout) -> None:
    try:
        found = parse_page(page, layout)
    except ValueError:
        return
    assert sum(len(payload) for _, payload in found.events) <= len(page)
    times = [at for at, _ in found.events]
    assert all(at >= 0 for at in times)


@given(text=st.text(max_size=200))
def test_any_text_is_a_description_or_refused(text: str) -> None:
    try:
        described = parse_format(SIGNAL_FORMAT + text)
    except ValueError:
        return
    assert described.number == 261
