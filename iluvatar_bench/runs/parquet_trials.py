"""Trials in a Parquet file, of which only those columns and row groups are read that are needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from iluvatar_bench.errors import UsageError
from iluvatar_bench.records.trial_table import Positions

PART_BYTES = 32 * 2**20
"""A part takes up so much in memory, and one batch more at most."""

MOST_ROWS = 50_000
BATCH_ROWS = 5_000

HELD_BYTES = 4 * 2**20
"""A file up to this size is read into memory, as it stands on the disk, and closed."""


class ParquetTrials:
    """The trials of one file (``records.trial_table.TrialSource``).

    A large file stays open as long as this lives: what is read late is of the file that was there,
    also where another one has taken its place.
    """

    def __init__(self, path: Path) -> None:
        """Read the end of the file, which says what is where.

        Raises:
            UsageError: it is no whole Parquet file.
        """
        self._path = path
        with self._told():
            small = path.stat().st_size <= HELD_BYTES
            self._file = pq.ParquetFile(pa.BufferReader(path.read_bytes()) if small else path)
        about = self._file.metadata
        sizes = [about.row_group(at).num_rows for at in range(about.num_row_groups)]
        self._begins = np.cumsum([0, *sizes])
        self.names: tuple[str, ...] = tuple(self._file.schema_arrow.names)

    def __len__(self) -> int:
        return int(self._begins[-1])

    def read(self, columns: Sequence[str] | None) -> pd.DataFrame:
        """Every row, with its place as index."""
        with self._told():
            frame: pd.DataFrame = self._file.read(columns=_list(columns)).to_pandas()
        return frame

    def parts(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        """The same, some rows at a time."""
        begin = 0
        for table in self._tables(columns):
            part = table.to_pandas()
            yield part.set_axis(pd.RangeIndex(begin, begin + len(part)))
            begin += len(part)
        if not begin:
            yield self.read(columns)

    def _tables(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """So many rows at a time as are within the bounds: the file tells of none what it takes."""
        waiting: list[pa.RecordBatch] = []
        size = min(BATCH_ROWS, MOST_ROWS)
        with self._told():
            for batch in self._file.iter_batches(size, columns=list(columns)):
                waiting.append(batch)
                rows = sum(part.num_rows for part in waiting)
                taken = sum(part.nbytes for part in waiting)
                if rows + size > MOST_ROWS or taken >= PART_BYTES:
                    yield pa.Table.from_batches(waiting)
                    waiting = []
            if waiting:
                yield pa.Table.from_batches(waiting)

    def rows(self, positions: Positions, columns: Sequence[str] | None) -> pd.DataFrame:
        """The rows at these places: of the row groups in which they are no other is read."""
        groups = np.searchsorted(self._begins, positions, side="right") - 1
        found = [self._file.schema_arrow.empty_table() if columns is None else self._none(columns)]
        places = [np.empty(0, dtype=np.int64)]
        with self._told():
            for group in np.unique(groups):
                mine = positions[groups == group]
                table = self._file.read_row_group(int(group), columns=_list(columns))
                found.append(table.take(pa.array(mine - self._begins[group])))
                places.append(mine)
            frame: pd.DataFrame = pa.concat_tables(found).to_pandas()
        return frame.set_axis(np.concatenate(places)).loc[positions]

    def _none(self, columns: Sequence[str]) -> pa.Table:
        return self._file.schema_arrow.empty_table().select(list(columns))

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What is wrong with the file, in a line.

        Raises:
            UsageError: it cannot be read.
        """
        try:
            yield
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UsageError(
                f"the trials in {self._path.parent} cannot be read: {reason}"
            ) from error


def _list(columns: Sequence[str] | None) -> list[str] | None:
    return None if columns is None else list(columns)
