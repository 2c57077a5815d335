"""xz, read with a bound on memory: an archive chooses its dictionary, up to 4 GiB of it."""

from __future__ import annotations

import io
import lzma
from pathlib import Path
from typing import IO

MOST_BYTES = 128 * 1024 * 1024
"""For the dictionary and the decoder's own needs; ``xz -9`` asks for 65 MiB (xz(1), 5.4)."""

_CHUNK = 128 * 1024


def open_xz(path: Path, *, most_bytes: int = MOST_BYTES) -> IO[bytes]:
    """The content, from its beginning to its end, stream after stream.

    Reading raises ``lzma.LZMAError`` where it is damaged or would take more memory than that, and
    ``EOFError`` where it is cut off. ``lzma.LZMAFile`` knows no bound.
    """
    return io.BufferedReader(_XzReader(path, most_bytes), _CHUNK)  # type: ignore[type-var]


class _XzReader(io.RawIOBase):
    def __init__(self, path: Path, most_bytes: int) -> None:
        self._file = path.open("rb")
        self._most_bytes = most_bytes
        self._decoder = self._begin()
        self._ahead = b""

    def _begin(self) -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=self._most_bytes)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        data = b""
        while not data:
            if not self._ahead and (self._decoder.eof or self._decoder.needs_input):
                self._ahead = self._file.read(_CHUNK)
                if not self._ahead and self._decoder.eof:
                    return 0
                if not self._ahead:
                    raise EOFError("the compressed file ended before the end of its stream")
            if self._decoder.eof:
                # Another stream may follow, after padding of zeros.
                self._ahead = self._ahead.lstrip(b"\0")
                self._decoder = self._begin() if self._ahead else self._decoder
                continue
            data = self._decoder.decompress(self._ahead, len(buffer))
            self._ahead = self._decoder.unused_data
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()
