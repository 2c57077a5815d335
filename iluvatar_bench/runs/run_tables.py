"""Every table of a run, made from its journals when its last container has ended.

A part at a time: the journals of a million trials do not fit into memory. What has to be in an
order is read twice: first for where its lines begin, then line by line in that order.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from iluvatar_bench.host.journal import Journal
from iluvatar_bench.host.whole_files import whole_file
from iluvatar_bench.records import Outcome, Trial
from iluvatar_bench.records.frames import arrivals_frame, invocations_frame, trials_frame
from iluvatar_bench.runs.attempts import TABLE_OF_ATTEMPTS, attempts_frame
from iluvatar_bench.runs.collections import TABLE as COLLECTIONS
from iluvatar_bench.runs.collections import collections_frame
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

_EPOCH = "1970-01-01T00:00:00+00:00"
_TRIAL = Trial(
    run_id="",
    trial=0,
    container_id="",
    profile="",
    factors={},
    function="",
    submitted_at=_EPOCH,
    outcome=Outcome.OK,
)


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
    found = _Trials(folder.trials)
    _write_invocations(folder, found.invocations)
    table = folder.path / "trials.parquet"
    rows = folder.trials.rows_from(found.places) if found.count else ()
    parts = (trials_frame(map(Trial.from_json, part)) for part in in_parts(rows))
    write_parts(table, parts, schema_of(trials_frame([found.example])))
    write_csv_of(table, folder.path / "trials.csv")
    counts = outcome_counts(ParquetTrials(table).parts(COUNTED))
    folder.write_csv("failure_rates", rates_of_counts(counts))


class _Trials:
    """What a first reading of the trials' journal finds: their order, factors and invocations."""

    def __init__(self, journal: Journal) -> None:
        self.invocations: list[pa.Table] = []
        self._numbers, self._begins = array("q"), array("q")
        self._kinds: dict[str, set[type]] = {}
        self._factors: dict[str, int] = {}
        for part in in_parts(journal.each_row_at()):
            trials = [self._noted(place, row) for place, row in part]
            frame = invocations_frame(trial for trial in trials if trial.invocations)
            if len(frame):
                self.invocations.append(_as_table(frame))

    def _noted(self, place: int, row: dict[str, Any]) -> Trial:
        trial = Trial.from_json(row)
        self._numbers.append(trial.trial)
        self._begins.append(place)
        for name, level in trial.factors.items():
            self._kinds.setdefault(name, set()).add(type(level))
            self._factors[name] = self._factors.get(name, 0) + 1
        return trial

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._numbers)

    @property
    def places(self) -> Iterator[int]:
        """Where the lines begin, in the order of the trials."""
        return _in_order(self._numbers, self._begins)

    @property
    def example(self) -> Trial:
        """A trial that shows the types of the factors' columns."""
        return replace(_TRIAL, factors={name: self._level(name) for name in self._kinds})

    def _level(self, name: str) -> str | int | float:
        kinds = self._kinds[name]
        if str in kinds:
            return ""
        # Whole numbers that some trials lack are no whole numbers in a table.
        return 0 if kinds == {int} and self._factors[name] == len(self._numbers) else 0.5


def _write_invocations(folder: RunFolder, parts: list[pa.Table]) -> None:
    with whole_file(folder.path / "invocations.parquet") as draft:
        if parts:
            pq.write_table(pa.concat_tables(parts).sort_by("sent_at"), draft)
        else:
            invocations_frame([]).to_parquet(draft, index=False)


def _as_table(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False)


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
    rows = journal.rows_from(_in_order(numbers, begins)) if numbers else ()
    parts = map(arrivals_frame, in_parts(rows))
    write_parts(folder.path / "arrivals.parquet", parts, schema_of(arrivals_frame([])))
    parts = map(pool_frame, in_parts(folder.pool.each_row()))
    write_parts(folder.path / "pool.parquet", parts, schema_of(pool_frame([])))


def _in_order(numbers: array[int], begins: array[int]) -> Iterator[int]:
    """Where lines begin, in the order of their numbers."""
    order = np.argsort(np.asarray(numbers), kind="stable")
    return (begins[at] for at in order)
