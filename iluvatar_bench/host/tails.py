"""The end of a file that somebody may still be writing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

TAIL_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a file as text. ``cut_bytes`` stood before it: 0 when it is all there was."""

    text: str = ""
    cut_bytes: int = 0


def read_tail(path: Path, limit: int = TAIL_BYTES) -> Tail:
    """The last ``limit`` bytes as text; an empty tail where there is no file."""
    try:
        with path.open("rb") as file:
            start = max(0, file.seek(0, 2) - limit)
            file.seek(start)
            return Tail(file.read(limit).decode(errors="replace"), start)
    except FileNotFoundError:
        return Tail()
