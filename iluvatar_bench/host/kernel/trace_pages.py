"""Pages of the kernel's trace buffer, as ``trace_pipe_raw`` gives them, taken apart. Pure.

A page is a time, a count of bytes, and events one behind the other, each with the nanoseconds since
the one before. The layout of the page's head is the kernel's own description
(``events/header_page``); the events' heads are those of kernel/trace/ring_buffer.c
(``enum ring_buffer_type``, unchanged since Linux 2.6.30), which ``events/header_event`` describes
in prose.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from iluvatar_bench.host.kernel.trace_format import TraceField, parse_fields

_WORD = 4
_LARGEST_DATA, _PADDING, _TIME_EXTEND, _TIME_STAMP = 28, 29, 30, 31
_DELTA_BITS = 27
_DELTA_MASK = (1 << _DELTA_BITS) - 1
_STAMP_BITS = 59
"""An absolute time has 59 bits; the others are those of the time before it."""

_MISSED, _MISSED_STORED = 1 << 31, 1 << 30
"""Flags in the count of bytes: events were lost before this page; how many stands behind it."""


@dataclass(frozen=True, slots=True)
class PageLayout:
    """Where a page has its time, its count of bytes and its events."""

    time: TraceField
    commit: TraceField
    data: int


@dataclass(frozen=True, slots=True)
class TracePage:
    """What a page holds: events, each with its time in nanoseconds, and what was lost before them.

    ``lost`` is at least so many; 0: none.
    """

    events: tuple[tuple[int, bytes], ...]
    lost: int


def parse_layout(header_page: str, header_event: str) -> PageLayout:
    """The layout that the kernel describes.

    Raises:
        ValueError: it is another one than this parser knows.
    """
    fields = parse_fields(header_page)
    known = re.search(r"type_len\s*:\s*5 bits\s*time_delta\s*:\s*27 bits", header_event)
    if known is None or not {"timestamp", "commit", "data"} <= set(fields):
        raise ValueError("this kernel lays its trace pages out in a way that is not known")
    return PageLayout(fields["timestamp"], fields["commit"], fields["data"].offset)


def parse_page(page: bytes, layout: PageLayout) -> TracePage:
    """Take one page apart.

    Raises:
        ValueError: it is damaged, or not a page of this layout.
    """
    started = int(layout.time.value(page))
    # The count is signed where a long has 32 bits, and its flags are the topmost bits of those.
    commit = int(layout.commit.value(page)) & 0xFFFFFFFF
    size = commit & ~(_MISSED | _MISSED_STORED)
    end = layout.data + size
    if end > len(page):
        raise ValueError("the page is shorter than it says")
    lost = 1 if commit & _MISSED else 0
    if commit & _MISSED and commit & _MISSED_STORED:
        stored = page[end : end + layout.commit.size]
        lost = max(1, int.from_bytes(stored, sys.byteorder))
    return TracePage(tuple(_events(page[layout.data : end], started)), lost)


def _events(data: bytes, now: int) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _WORD <= len(data):
        kind, delta = _head(_word(data, at))
        at += _WORD
        if kind == _PADDING and delta == 0:
            # The rest of the page was never used.
            return
        if kind == _TIME_STAMP:
            now = _absolute((_word(data, at) << _DELTA_BITS) + delta, now)
            at += _WORD
            continue
        now += delta
        if kind == _TIME_EXTEND:
            now += _word(data, at) << _DELTA_BITS
            at += _WORD
            continue
        begin, length = at, kind * _WORD
        if kind in (0, _PADDING):
            # Too long for the head: a word with the length, itself included, comes first.
            length = _word(data, at)
            begin += _WORD
        if length < begin - at or at + length > len(data):
            raise ValueError("an event is longer than its page")
        if kind != _PADDING:
            yield now, data[begin : at + length]
        at += max(length, _WORD)


def _absolute(stamp: int, before: int) -> int:
    """An absolute time with the topmost bits of the one before (``rb_fix_abs_ts``)."""
    top = 1 << _STAMP_BITS
    if before < top:
        return stamp
    whole = before // top * top + stamp
    return whole if whole >= before else whole + top


def _head(word: int) -> tuple[int, int]:
    """A bit field of 5 and 27 bits lies where the machine's byte order puts it."""
    if sys.byteorder == "little":
        return word & 31, word >> 5
    return word >> _DELTA_BITS, word & _DELTA_MASK


def _word(data: bytes, at: int) -> int:
    raw = data[at : at + _WORD]
    if len(raw) != _WORD:
        raise ValueError("the page ends within an event")
    return int.from_bytes(raw, sys.byteorder)
