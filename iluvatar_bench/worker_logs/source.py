"""Files of any size as blocks of whole entries, in bounded memory.

Nothing that stands in a file raises: a line too long, a broken archive or a failing disk is noted
among the file's :class:`~.problems.Problems`, and reading goes on where it can.
"""

from __future__ import annotations

import gzip
import io
import os
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, BinaryIO

from iluvatar_bench.errors import UsageError, unreadable
from iluvatar_bench.worker_logs.lines import Block, whole_lines
from iluvatar_bench.worker_logs.problems import Problems
from iluvatar_bench.worker_logs.split import last_boundary
from iluvatar_bench.worker_logs.times import Clock

STDIN = "-"
CHUNK_BYTES = 256 * 1024
"""Fits the processor's cache, so that each pass over a block but the first is cheap."""
MAX_HELD_BYTES = 1024 * 1024
"""An entry that goes on over a block's end is held back up to this size."""
MAX_SPOOLED_BYTES = 1024**3
"""A pipe cannot be read twice, so this much of it is kept in an unnamed temporary file."""

_GZIP_MAGIC = b"\x1f\x8b"


class LogSource:
    """One input: a file, compressed or not, or a pipe (standard input, a shell's ``<(...)``).

    ``close`` removes what was kept of a pipe; the source is its own context manager.
    """

    def __init__(self, name: str, *, stdin: BinaryIO | None = None) -> None:
        self.name = name
        self._is_pipe = name == STDIN or not Path(name).is_file()
        self._stdin = stdin
        self._spool: IO[bytes] | None = None
        self._pipe: IO[bytes] | None = None

    def __enter__(self) -> LogSource:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close a pipe that was opened here, and give up what was kept of it."""
        for file in (self._spool, self._pipe):
            if file is not None:
                file.close()

    def clock(self, *, zone: str) -> Clock:
        """The reader of this file's time stamps; ``zone`` is that of stamps without one."""
        if self._is_pipe:
            return Clock(zone=zone)
        try:
            changed_at = datetime.fromtimestamp(Path(self.name).stat().st_mtime, UTC)
        except (OSError, OverflowError, ValueError):
            return Clock(zone=zone)
        return Clock(zone=zone, written_at=changed_at)

    def first_stamp(self, *, zone: str) -> datetime | None:
        """The first time of day in the file's first 64 KiB, in UTC; None for a pipe."""
        if self._is_pipe:
            return None
        clock = self.clock(zone=zone)
        try:
            with self._open() as stream:
                head: bytes = stream.read1(65536)
        except (OSError, EOFError, zlib.error):
            return None
        stamps = (clock.read(line[:200])[0] for line in head.decode(errors="replace").split("\n"))
        return next((stamp for stamp in stamps if stamp is not None), None)

    def blocks(self, problems: Problems) -> Iterator[Block]:
        """The lines in order, in blocks of a few MiB at most, each beginning with an entry.

        Can be called again to read a second time; of a pipe, the second time shows the first
        :data:`MAX_SPOOLED_BYTES`.
        """
        held = Block(b"", 1, 0)
        for piece in whole_lines(self._chunks(), problems):
            if held.data and piece.line != held.line + held.ends:
                # A line was left out in between: the entry held back ends here.
                yield held
                held = Block(b"", piece.line, 0)
            data, ends = held.data + piece.data, held.ends + piece.ends
            line = held.line if held.data else piece.line
            cut = last_boundary(data)
            if len(data) - cut > MAX_HELD_BYTES:
                cut = len(data)
            rest = data.count(b"\n", cut)
            if cut:
                yield Block(data[:cut], line, ends - rest)
            held = Block(data[cut:], line + ends - rest, rest)
        if held.data:
            yield held

    def _chunks(self) -> Iterator[bytes]:
        with self._open() as stream:
            # read1: what lies before a damaged place arrives before the error does.
            while chunk := stream.read1(CHUNK_BYTES):
                yield chunk

    @contextmanager
    def _open(self) -> Iterator[Any]:
        with self._open_pipe() if self._is_pipe else Path(self.name).open("rb") as file:
            compressed = file.peek(2)[:2] == _GZIP_MAGIC
            yield gzip.GzipFile(fileobj=file) if compressed else file

    def _open_pipe(self) -> io.BufferedReader:
        if self._spool is not None:
            self._spool.seek(0)
            return io.BufferedReader(_Tee(self._spool, None))
        self._spool = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        if self.name == STDIN:
            return io.BufferedReader(_Tee(self._stdin or sys.stdin.buffer, self._spool))
        self._pipe = Path(self.name).open("rb")  # noqa: SIM115 - closed by close()
        return io.BufferedReader(_Tee(self._pipe, self._spool))


class _Tee(io.RawIOBase):
    """Reads ``source`` and copies its beginning to ``copy``; closing it closes neither."""

    def __init__(self, source: IO[bytes], copy: IO[bytes] | None) -> None:
        self._source = source
        self._copy = copy
        self._copied = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer`` from the source; 0 at its end."""
        read = getattr(self._source, "read1", self._source.read)
        data: bytes = read(len(buffer))
        if self._copy is not None and self._copied < MAX_SPOOLED_BYTES:
            self._copied += self._copy.write(data[: MAX_SPOOLED_BYTES - self._copied])
        buffer[: len(data)] = data
        return len(data)


def open_sources(
    paths: Sequence[str | Path], *, zone: str, stdin: BinaryIO | None = None
) -> list[LogSource]:
    """The inputs behind ``paths``, each once, in the order in which they begin.

    A folder stands for the files in it, ``-`` for standard input. Rotated files thereby come in
    the order in which they were written.

    Raises:
        NoSuchFile, UnusablePath: a path does not exist, or cannot be read.
        UsageError: one is a socket.
    """
    names: dict[str, str] = {}
    for path in paths:
        if str(path) == STDIN:
            names[STDIN] = STDIN
            continue
        for file in _files(Path(path)):
            names.setdefault(os.path.realpath(file), str(file))
    sources = [LogSource(name, stdin=stdin) for name in names.values()]
    last = datetime.max.replace(tzinfo=UTC)
    return sorted(sources, key=lambda source: source.first_stamp(zone=zone) or last)


def _files(path: Path) -> list[Path]:
    """The file itself, or the regular files of a folder; each can be opened."""
    try:
        files = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
        for file in files:
            if file.is_socket():
                raise UsageError(
                    f"{file} is a socket, no log; of a containerd: iluvatar-bench audit --address "
                    f"{file}"
                )
            # To open a pipe and close it again would end its writer.
            if file.is_file() or not file.exists():
                file.open("rb").close()
    except OSError as error:
        raise unreadable(error.filename, error) from error
    return files
