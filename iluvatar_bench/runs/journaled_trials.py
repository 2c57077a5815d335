"""The trials of a journal, in their order, as a table: no more than a part of them is in memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from iluvatar_bench.host.journal import Journal
from iluvatar_bench.records import Trial
from iluvatar_bench.records.frames import NO_TRIAL, invocations_frame, trials_frame
from iluvatar_bench.runs.table_parts import in_parts, schema_of, write_parts


class JournaledTrials:
    """What a first reading of the trials' journal finds: their order, factors and invocations."""

    def __init__(self, journal: Journal) -> None:
        self.invocations: list[pa.Table] = []
        self._journal = journal
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
    def _places(self) -> Iterator[int]:
        """Where the lines begin, in the order of the trials."""
        return in_order(self._numbers, self._begins)

    @property
    def _example(self) -> Trial:
        """A trial that shows the types of the factors' columns."""
        return replace(NO_TRIAL, factors={name: self._level(name) for name in self._kinds})

    def _level(self, name: str) -> str | int | float:
        kinds = self._kinds[name]
        if str in kinds:
            return ""
        # Whole numbers that some trials lack are no whole numbers in a table.
        return 0 if kinds == {int} and self._factors[name] == len(self._numbers) else 0.5

    def write_table(self, path: Path) -> None:
        """Write the trials, in their order, as a Parquet file."""
        rows = self._journal.rows_from(self._places) if self._numbers else ()
        parts = (trials_frame(map(Trial.from_json, part)) for part in in_parts(rows))
        write_parts(path, parts, schema_of(trials_frame([self._example])))


def _as_table(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False)


def in_order(numbers: array[int], begins: array[int]) -> Iterator[int]:
    """Where lines begin, in the order of their numbers."""
    order = np.argsort(np.asarray(numbers), kind="stable")
    return (begins[at] for at in order)
