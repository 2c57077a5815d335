"""A log that is being written: its failures, as they come."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from iluvatar_bench.bugs.signatures import Signature
from iluvatar_bench.errors import NoSuchFile, UnusablePath, UsageError, unreadable
from iluvatar_bench.worker_logs.failure import LogFailure
from iluvatar_bench.worker_logs.lines import MAX_LINE_BYTES, Block
from iluvatar_bench.worker_logs.problems import Problems
from iluvatar_bench.worker_logs.scan import BlockScanner
from iluvatar_bench.worker_logs.span import TimeSpan
from iluvatar_bench.worker_logs.times import Clock

_CHUNK_BYTES = 1024 * 1024
_POLL_SECONDS = 0.5
_SETTLE_SECONDS = 1.0
"""An entry may go on over several lines: what was written last waits this long for more."""


def follow(
    paths: Sequence[str | Path],
    *,
    zone: str = "UTC",
    signatures: Sequence[Signature] = (),
    from_start: bool = False,
    span: TimeSpan | None = None,
    goes_on: Callable[[], bool] = lambda: True,
) -> Iterator[LogFailure]:
    """Yield each report of a failure, and each unknown error, that is written from now on.

    A file that is rotated (replaced, or cut to nothing) is read from its new beginning. Reports are
    not gathered by container, as :func:`.scan.scan` does: what comes later is not known yet.

    Args:
        from_start: also what is in the files already.
        span: only entries of this time, and those without one.
        goes_on: asked between two looks; False ends it.

    Raises:
        NoSuchFile, UnusablePath: a file is not there, or cannot be read.
        UsageError: standard input or a folder was named.
    """
    tails = [
        _Tail(Path(path), zone, signatures, from_start=from_start, span=span) for path in paths
    ]
    try:
        while True:
            last = not goes_on()
            for tail in tails:
                yield from tail.read(at_once=last)
            if last:
                return
            time.sleep(_POLL_SECONDS)
    finally:
        for tail in tails:
            tail.close()


class _Tail:
    """One file, read as it grows."""

    def __init__(
        self,
        path: Path,
        zone: str,
        signatures: Sequence[Signature],
        *,
        from_start: bool,
        span: TimeSpan | None,
    ) -> None:
        if str(path) == "-" or path.is_dir():
            raise UsageError(f"only files can be followed, not {path}")
        self._path = path
        self._scanner = BlockScanner(zone=zone, signatures=signatures, span=span, every_error=True)
        self._clock = Clock(zone=zone)
        self._file = self._opened()
        if not from_start:
            self._file.seek(0, 2)
        self._pending = b""
        self._line = 1
        self._grown_at = time.monotonic()

    def close(self) -> None:
        self._file.close()

    def read(self, *, at_once: bool) -> list[LogFailure]:
        """The failures in what was written since, as far as its entries are whole."""
        successor = self._successor()
        found = self._read(at_once=at_once or successor is not None)
        if successor is not None:
            # What was written to the old file until then is read already.
            self._file.close()
            self._file = successor
            self._pending, self._line = b"", 1
            found += self._read(at_once=at_once)
        return found

    def _read(self, *, at_once: bool) -> list[LogFailure]:
        while chunk := self._file.read(_CHUNK_BYTES):
            self._pending += chunk
            self._grown_at = time.monotonic()
            if len(self._pending) > MAX_LINE_BYTES:
                break
        settled = time.monotonic() - self._grown_at >= _SETTLE_SECONDS
        end = self._pending.rfind(b"\n") + 1
        if not end or not (settled or at_once or len(self._pending) > MAX_LINE_BYTES):
            return []
        data, self._pending = self._pending[:end], self._pending[end:]
        block = Block(data, self._line, data.count(b"\n"))
        self._line += block.ends
        name = str(self._path)
        return self._scanner.failures_in(block, name, self._clock, Problems(name))

    def _successor(self) -> BinaryIO | None:
        """The file that has the name now, opened at its beginning; None where it is the same.

        Told by the opened file and not by the name, which may be another one's by then.
        """
        try:
            named = self._opened()
        except (NoSuchFile, UnusablePath):
            return None  # Between two files of a rotation.
        ours, theirs = (os.fstat(file.fileno()) for file in (self._file, named))
        if os.path.samestat(ours, theirs) and theirs.st_size >= self._file.tell():
            named.close()
            return None
        return named

    def _opened(self) -> BinaryIO:
        try:
            return self._path.open("rb")
        except OSError as error:
            raise unreadable(self._path, error) from error
