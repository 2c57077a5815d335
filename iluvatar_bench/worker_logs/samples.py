"""Changes of a container's memory use, as the worker's monitor logs them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

MOST_SAMPLES = 50_000
"""Samples kept; further ones are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySample:
    """Resident memory of a container before and after, in MB as logged (the worker's are MiB)."""

    time: datetime | None
    container_id: str | None
    old_mb: int
    new_mb: int
    file: str
    line: int


class Samples:
    """The memory changes of a scan: ``kept`` of ``count``."""

    def __init__(self) -> None:
        self.kept: list[MemorySample] = []
        self.count = 0
        self._names: dict[str, str] = {}

    def add_if_full(self) -> bool:
        """Count a change without looking at it, if no more are kept; else do nothing."""
        if len(self.kept) < MOST_SAMPLES:
            return False
        self.count += 1
        return True

    def add(
        self,
        *,
        time: datetime | None,
        container_id: str | None,
        old_mb: int,
        new_mb: int,
        file: str,
        line: int,
    ) -> None:
        """Keep that a container's memory went from ``old_mb`` to ``new_mb``."""
        self.count += 1
        if container_id is not None:
            # One string for each container instead of one for each sample.
            container_id = self._names.setdefault(container_id, container_id)
        self.kept.append(
            MemorySample(
                time=time,
                container_id=container_id,
                old_mb=old_mb,
                new_mb=new_mb,
                file=file,
                line=line,
            )
        )
