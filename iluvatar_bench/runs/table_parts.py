"""Tables from journals, a part at a time: no more than that is in memory, however long they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from iluvatar_bench.host.whole_files import whole_file
from iluvatar_bench.records import Death, Event, Sample, Way
from iluvatar_bench.records.frames import Observations

ROWS_AT_A_TIME = 5000

Frame = Callable[[list[dict[str, Any]]], pd.DataFrame]
"""Makes a frame of rows of a journal."""


def write_parts(path: Path, parts: Iterable[pd.DataFrame], schema: pa.Schema) -> None:
    """Write frames below each other as one Parquet file, a row group each; the file is whole."""
    with whole_file(path) as draft, pq.ParquetWriter(draft, schema) as writer:
        for part in parts:
            whole = part.reindex(columns=schema.names)
            writer.write_table(pa.Table.from_pandas(whole, schema=schema, preserve_index=False))


def write_csv_of(table: Path, path: Path) -> None:
    """Write a Parquet file as CSV too."""
    opened = pq.ParquetFile(table)
    with whole_file(path) as draft:
        opened.schema_arrow.empty_table().to_pandas().to_csv(draft, index=False)
        for batch in opened.iter_batches(ROWS_AT_A_TIME):
            batch.to_pandas().to_csv(draft, mode="a", header=False, index=False)


def schema_of(example: pd.DataFrame) -> pa.Schema:
    """The types of a table: a part in which a column is empty all through has the same.

    What is empty in the example is taken for text, and times have nanoseconds. Pandas finds its own
    types again (whole numbers that may be missing).
    """
    empty = [str(name) for name in example.columns if example[name].isna().all()]
    texts = {name: "" for name in empty if example[name].dtype == object}
    found = pa.Schema.from_pandas(example.assign(**texts), preserve_index=False)
    fields = [
        pa.field(field.name, pa.timestamp("ns", "UTC"))
        if pa.types.is_timestamp(field.type)
        else field
        for field in found
    ]
    return pa.schema(fields, metadata=found.metadata)


Row = TypeVar("Row")


def in_parts(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows, so many at a time."""
    waiting = iter(rows)
    while part := list(islice(waiting, ROWS_AT_A_TIME)):
        yield part


def _events(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return Observations(events=[Event(**row) for row in rows]).frames()["events"]


def _deaths(rows: list[dict[str, Any]]) -> pd.DataFrame:
    deaths = [Death(**{**row, "first_way": Way(row["first_way"])}) for row in rows]
    return Observations(deaths=deaths).frames()["deaths"]


def _samples(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return Observations(samples=[Sample(**row) for row in rows]).frames()["samples"]


_EPOCH = "1970-01-01T00:00:00+00:00"
_SAMPLE = Sample(run_id="", round=0, sampled_at=_EPOCH, container_id="", rss_bytes=0, diff_bytes=0)
_DEATH = Death(run_id="", container_id="", pid=0, first_way=Way.PIDFD, first_seen_at=_EPOCH)

SEEN_FRAMES: dict[str, tuple[Frame, dict[str, Any]]] = {
    "events": (_events, Event(run_id="", timestamp=_EPOCH, topic="").as_row()),
    "deaths": (_deaths, _DEATH.as_row()),
    "samples": (_samples, _SAMPLE.as_row()),
}
"""How the rows of a monitor's journals become a frame, and a row that shows the types."""
