"""What could not be read, counted in full and kept in bounded number."""

from __future__ import annotations

from dataclasses import dataclass, field

KEPT_PER_FILE = 1000
"""Most places kept of one file; the count goes on."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """One place that could not be read as it should be: file, line (from 1) and why."""

    file: str
    line: int
    reason: str


@dataclass(slots=True)
class Problems:
    """The unreadable places of one file."""

    file: str
    count: int = 0
    kept: list[Unreadable] = field(default_factory=list)

    def add(self, line: int, reason: str) -> None:
        """Note that ``line`` is unreadable; several reasons of one line count once."""
        if self.kept and self.kept[-1].line == line:
            return
        self.count += 1
        if len(self.kept) < KEPT_PER_FILE:
            self.kept.append(Unreadable(self.file, line, reason))


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """What was read of one file. ``lines`` counts line ends, and a last line without one."""

    file: str
    bytes: int
    lines: int
    problems: Problems
