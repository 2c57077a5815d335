"""From chunks of bytes to whole lines of bounded length."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from iluvatar_bench.worker_logs.problems import Problems

MAX_LINE_BYTES = 1024 * 1024
"""A longer line is unreadable. The worker's longest ones carry a container's whole output."""


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of a log: ``line`` is the number of the first, from 1, ``ends`` how many line
    ends there are. ``stamps``: of lines that were unwrapped, the outer time stamp of each."""

    data: bytes
    line: int
    ends: int
    stamps: tuple[str, ...] = ()


def whole_lines(chunks: Iterable[bytes], problems: Problems) -> Iterator[Block]:
    """The chunks, cut at line ends; only a file's last line may lack its own.

    Lines of more than :data:`MAX_LINE_BYTES` are noted and left out without ever being held. An
    error of ``chunks`` (a broken archive, a failing disk) is noted and ends the file. Holds at
    most one chunk and one line.
    """
    line, pending, skipping = 1, b"", False
    for chunk in _until_broken(chunks):
        if isinstance(chunk, _Broken):
            problems.add(line + pending.count(b"\n"), chunk.reason)
            break
        if skipping:
            end = chunk.find(b"\n")
            if end < 0:
                continue
            chunk, line, skipping = chunk[end + 1 :], line + 1, False
        data = pending + chunk
        end = data.rfind(b"\n") + 1
        complete, pending = data[:end], data[end:]
        if complete:
            ends = complete.count(b"\n")
            yield from _without_long(Block(complete, line, ends), problems)
            line += ends
        if len(pending) > MAX_LINE_BYTES:
            problems.add(line, f"a line of more than {MAX_LINE_BYTES} bytes")
            pending, skipping = b"", True
    if pending:
        yield Block(pending, line, 0)


def _without_long(block: Block, problems: Problems) -> Iterator[Block]:
    """The block in parts, without its lines of more than the limit. It ends with a line end."""
    data, line, start, at = block.data, block.line, 0, 0
    while at < len(data):
        # The last line end within reach: from one to the next, a block takes a few steps.
        end = data.rfind(b"\n", at, at + MAX_LINE_BYTES + 1) + 1
        if end == 0:
            if start < at:
                yield (part := _part(data[start:at], line))
                line += part.ends
            problems.add(line, f"a line of more than {MAX_LINE_BYTES} bytes")
            end = start = data.index(b"\n", at) + 1
            line += 1
        at = end
    if start == 0:
        yield block
    elif start < len(data):
        yield _part(data[start:], line)


def _part(data: bytes, line: int) -> Block:
    return Block(data, line, data.count(b"\n"))


@dataclass(frozen=True, slots=True)
class _Broken:
    reason: str


def _until_broken(chunks: Iterable[bytes]) -> Iterator[bytes | _Broken]:
    try:
        yield from chunks
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        yield _Broken(f"damaged gzip data: {error}")
    except OSError as error:
        yield _Broken(f"cannot be read further: {error.strerror or error}")
