"""Parquet files with parts that cannot be read, to see what is read of them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pyarrow.parquet as pq


def destroy(path: Path, *, but: Collection[str] = (), groups: Collection[int] | None = None) -> int:
    """Overwrite the columns that are not in ``but``, of these row groups or of all.

    Gives how many row groups the file has. Its end, which says what is where, stays.
    """
    about = pq.read_metadata(path)
    with path.open("r+b") as file:
        for group in range(about.num_row_groups) if groups is None else groups:
            for at in range(about.num_columns):
                chunk = about.row_group(group).column(at)
                if chunk.path_in_schema not in but:
                    begin = chunk.dictionary_page_offset or chunk.data_page_offset
                    file.seek(begin)
                    file.write(b"\xff" * chunk.total_compressed_size)
    return about.num_row_groups
