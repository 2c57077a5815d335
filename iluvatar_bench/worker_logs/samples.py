"""Changes of a container's memory use, as the worker's monitor logs them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from iluvatar_bench.worker_logs.entry import Entry

MOST_SAMPLES = 50_000
"""Samples kept; further ones are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySample:
    """Resident memory of a container before and after, in MB as logged."""

    time: datetime | None
    container_id: str | None
    old_mb: int
    new_mb: int
    file: str
    line: int


class Samples:
    """The memory changes of a scan. A log says "MB" and means MiB of resident memory."""

    def __init__(self) -> None:
        self.kept: list[MemorySample] = []
        self.count = 0
        self._names: dict[str, str] = {}

    def add(self, entry: Entry, *, old: int, new: int, file: str, line: int) -> None:
        """Note that a container's memory went from ``old`` to ``new``."""
        self.count += 1
        if len(self.kept) >= MOST_SAMPLES:
            return
        container = entry.container_id
        if container is not None:
            # One string for each container instead of one for each sample.
            container = self._names.setdefault(container, container)
        self.kept.append(
            MemorySample(
                time=entry.time,
                container_id=container,
                old_mb=old,
                new_mb=new,
                file=file,
                line=line,
            )
        )
