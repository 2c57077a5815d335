"""The arrivals of a run on disk: their journal, and their table."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import pandas as pd

from iluvatar_bench.errors import UsageError
from iluvatar_bench.records import ArrivalRecord
from iluvatar_bench.records.frames import arrivals_frame


class ArrivalJournal:
    """``arrivals.jsonl`` in a run's folder: a line an arrival, written as it ends."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "arrivals.jsonl"
        self._file: IO[str] | None = None

    def append(self, record: ArrivalRecord) -> None:
        """Append the record; it survives the end of this process, however it ends."""
        if self._file is None:
            self._file = self._path.open("a")
        self._file.write(json.dumps(asdict(record)) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def rows(self) -> list[dict[str, Any]]:
        """Every complete line, in the order of ends; a last one cut short is passed over."""
        if not self._path.exists():
            return []
        return [json.loads(line) for line in self._path.read_text().split("\n")[:-1]]


def load_arrivals(folder: Path) -> pd.DataFrame:
    """The arrivals of a run folder; the journal serves where a run was cut off.

    Raises:
        UsageError: an arrival stands there twice, or a failed one without a class: no count made
            from such a folder could be trusted.
    """
    table = folder / "arrivals.parquet"
    frame = (
        pd.read_parquet(table) if table.exists() else arrivals_frame(ArrivalJournal(folder).rows())
    )
    if frame["arrival"].duplicated().any():
        raise UsageError(f"{folder}: an arrival stands in it twice")
    if (frame["outcome"].eq("failed") != frame["bug_class"].notna()).any():
        raise UsageError(f"{folder}: a failed arrival has no class, or another has one")
    return frame
