"""Journals that are written for months: closed in whole segments when they are large enough."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from iluvatar_bench.host.full_disk import full_disk_told
from iluvatar_bench.host.journal import Journal, segment_number, segment_path, segments_of
from iluvatar_bench.host.whole_files import sync_folder

SEGMENT_BYTES = 16 * 1024 * 1024


class SegmentedJournal(Journal):
    """A journal that goes on in a new file once it holds ``segment_bytes``.

    What was closed is whole: every line of it is on the disk. Of ``most_segments`` (None: all are
    kept) the oldest go first; ``dropped`` counts them. Whoever reads it as a :class:`Journal` has
    all segments.
    """

    def __init__(
        self,
        path: Path,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        most_segments: int | None = None,
    ) -> None:
        super().__init__(path)
        self.dropped = 0
        self._segment_bytes = segment_bytes
        self._most_segments = most_segments

    def append(self, document: Mapping[str, Any]) -> None:
        """Append a line, and begin a new segment where the old one is large enough.

        Raises:
            DiskFull: there is no room for it now.
            OSError: it cannot be written.
        """
        super().append(document)
        if self._file is not None and self._file.tell() >= self._segment_bytes:
            self._close_segment()

    def _close_segment(self) -> None:
        self.close()
        closed = segments_of(self.path)
        number = segment_number(closed[-1]) + 1 if closed else 1
        with full_disk_told(self.path):
            self.path.rename(segment_path(self.path, number))
            sync_folder(self.path.parent)
        if self._most_segments is not None:
            for old in segments_of(self.path)[: -self._most_segments]:
                old.unlink()
                self.dropped += 1
