"""Every table of a run, made from its journals when its last container has ended.

A part at a time: the journals of a million trials do not fit into memory. What has to be in an
order is read twice: first for where its lines begin, then line by line in that order.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from iluvatar_bench.host.journal import Journal
from iluvatar_bench.host.whole_files import whole_file
from iluvatar_bench.records.frames import arrivals_frame, invocations_frame
from iluvatar_bench.runs.attempts import TABLE_OF_ATTEMPTS, attempts_frame
from iluvatar_bench.runs.collections import TABLE as COLLECTIONS
from iluvatar_bench.runs.collections import collections_frame
from iluvatar_bench.runs.journaled_trials import JournaledTrials, in_order
from iluvatar_bench.runs.observations import death_key
from iluvatar_bench.runs.parquet_trials import ParquetTrials
from iluvatar_bench.runs.pool_log import pool_frame
from iluvatar_bench.runs.store import RunFolder
from iluvatar_bench.runs.table_parts import (
    SEEN_FRAMES,
    in_parts,
    schema_of,
    write_csv_of,
    write_parts,
)
from iluvatar_bench.stats.accounting import COUNTED, outcome_counts
from iluvatar_bench.stats.rates import rates_of_counts


def write_tables(folder: RunFolder) -> None:
    """Write the tables of all sessions of a run.

    Raises:
        UsageError: a journal is damaged.
        DiskFull: there is no room for one.
    """
    _write_trials(folder)
    for name, (frame, example) in SEEN_FRAMES.items():
        journal = folder.observations[name]
        rows = _last_words(journal) if name == "deaths" else journal.each_row()
        parts = map(frame, in_parts(rows))
        write_parts(folder.path / f"{name}.parquet", parts, schema_of(frame([example])))
    if folder.pool.path.exists():
        _write_arrivals(folder)
    if folder.beside.path.exists():
        folder.write_table(TABLE_OF_ATTEMPTS, attempts_frame(folder.beside.rows()))
    if folder.collections.path.exists():
        folder.write_table(COLLECTIONS, collections_frame(folder.collections.rows()))


def _write_trials(folder: RunFolder) -> None:
    found = JournaledTrials(folder.trials)
    _write_invocations(folder, found.invocations)
    table = folder.path / "trials.parquet"
    found.write_table(table)
    write_csv_of(table, folder.path / "trials.csv")
    counts = outcome_counts(ParquetTrials(table).parts(COUNTED))
    folder.write_csv("failure_rates", rates_of_counts(counts))


def _write_invocations(folder: RunFolder, parts: list[pa.Table]) -> None:
    with whole_file(folder.path / "invocations.parquet") as draft:
        if parts:
            pq.write_table(pa.concat_tables(parts).sort_by("sent_at"), draft)
        else:
            invocations_frame([]).to_parquet(draft, index=False)


def _last_words(journal: Journal) -> Iterable[dict[str, Any]]:
    """A row a death, the last of each, in the order in which they were first seen."""
    places: dict[int, int] = {}
    for place, row in journal.each_row_at():
        # A number of 64 bits for a key of three texts: of a million, two are the same with a chance
        # of 3 in 10^8.
        places[hash(death_key(row))] = place
    return journal.rows_from(places.values()) if places else ()


def _write_arrivals(folder: RunFolder) -> None:
    journal = folder.arrivals
    numbers, begins = array("q"), array("q")
    for place, row in journal.each_row_at():
        numbers.append(row["arrival"])
        begins.append(place)
    rows = journal.rows_from(in_order(numbers, begins)) if numbers else ()
    parts = map(arrivals_frame, in_parts(rows))
    write_parts(folder.path / "arrivals.parquet", parts, schema_of(arrivals_frame([])))
    parts = map(pool_frame, in_parts(folder.pool.each_row()))
    write_parts(folder.path / "pool.parquet", parts, schema_of(pool_frame([])))
