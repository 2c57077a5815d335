"""Looks for a text in a file that somebody is still writing, and reads each byte of it once."""

from __future__ import annotations

from pathlib import Path

CHUNK_BYTES = 1 << 20


class TextSearch:
    """Whether a text has been written to ``path``, at whatever place of it.

    What is written between two looks may be of any length; a file that is shorter than at the last
    look was cut, and is read from its beginning.
    """

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._wanted = text.encode()
        self._offset = 0
        self._end = b""
        """The last bytes that were read: the text may have begun in them."""
        self._found = not self._wanted

    def look(self) -> bool:
        """Read what is new; whether the text has been seen, now or before."""
        if self._found:
            return True
        try:
            with self._path.open("rb") as file:
                if file.seek(0, 2) < self._offset:
                    self._offset, self._end = 0, b""
                file.seek(self._offset)
                while not self._found and (chunk := file.read(CHUNK_BYTES)):
                    self._take(chunk)
        except FileNotFoundError:
            return False
        return self._found

    def _take(self, chunk: bytes) -> None:
        self._offset += len(chunk)
        seen = self._end + chunk
        self._found = self._wanted in seen
        keep = len(self._wanted) - 1
        self._end = seen[-keep:] if keep else b""
