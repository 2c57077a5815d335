"""What a monitor sees over a run, on disk: journals as it is seen, tables at the end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iluvatar_bench.errors import DiskFull
from iluvatar_bench.records import Death, Event, Sample, Way
from iluvatar_bench.runs.store import RunFolder, read_table, require_table

if TYPE_CHECKING:
    import pandas as pd

    from iluvatar_bench.records.frames import Observations

log = logging.getLogger(__name__)


class ObservationJournals:
    """Writes down what is seen as it is seen, in a run's folder.

    It never fails: what is only seen must not end a run. ``broken`` says why nothing more could be
    written. The poller's rounds are numbered on where the run is resumed.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.broken: str | None = None
        self._closed = False
        self.run_id = folder.run_id
        self._journals = folder.observations
        rounds = [row["round"] for row in self._journals["samples"].rows()]
        self._first_round = max(rounds, default=-1) + 1

    def event(self, event: Event) -> None:
        """An event of containerd."""
        self._append("events", event.as_row())

    def death(self, death: Death) -> None:
        """A death as it is known now; the last word on each is the one that counts."""
        self._append("deaths", death.as_row())

    def samples(self, samples: Iterable[Sample]) -> None:
        """One round of the memory poller."""
        for sample in samples:
            self._append(
                "samples", replace(sample, round=sample.round + self._first_round).as_row()
            )

    def close(self) -> None:
        """Write no more: the tables are made, and the watching goes on for a moment."""
        self._closed = True

    def _append(self, name: str, row: dict[str, Any]) -> None:
        if self._closed or self.broken is not None:
            return
        try:
            self._journals[name].append(row)
        except (DiskFull, OSError) as error:
            self.broken = f"{self._journals[name].path}: {error}"
            log.warning("what is seen cannot be written down any more: %s", self.broken)


def journaled(folder: RunFolder) -> Observations:
    """What the journals of a run hold.

    Raises:
        UsageError: a journal is damaged.
    """
    from iluvatar_bench.records.frames import Observations

    return Observations(**{name: _journaled(folder, name) for name in folder.observations})


def _journaled(folder: RunFolder, name: str) -> Any:
    """The records of one journal."""
    rows = folder.observations[name].rows()
    if name == "deaths":
        return _last_words(rows)
    kind = {"events": Event, "samples": Sample}[name]
    return [kind(**row) for row in rows]


def _last_words(rows: Iterable[dict[str, Any]]) -> list[Death]:
    """A record a death, in the order in which they were first seen."""
    deaths: dict[tuple[str, int | None, str], Death] = {}
    for row in rows:
        deaths[death_key(row)] = Death(**{**row, "first_way": Way(row["first_way"])})
    return list(deaths.values())


def death_key(row: Mapping[str, Any]) -> tuple[str, int | None, str]:
    """What the rows of one death have in common."""
    return row["container_id"], row["pid"], row["first_seen_at"]


NAMED_IN = {
    "events": ("container_id", "snapshot_key"),
    "deaths": ("container_id",),
    "samples": ("container_id",),
}
"""The columns of each table in which a container's id, which is its snapshot's key, may stand."""


def load_observations(path: Path) -> dict[str, pd.DataFrame]:
    """What was seen over a run: ``events``, ``deaths`` and ``samples``; empty where there are none.

    The columns are those of ``records.Event``, ``Death`` and ``Sample``. The journals serve where a
    run was cut off, or a table is torn.

    Raises:
        UsageError: one cannot be read.
    """
    return {name: read() for name, read in observation_readers(path).items()}


def observation_readers(path: Path) -> dict[str, Callable[[], pd.DataFrame]]:
    """The same, each to be read when it is asked for.

    Raises:
        UsageError: a table is torn, and has no journal.
    """
    folder = RunFolder(path)
    for name, journal in folder.observations.items():
        require_table(path, name, journal)
    return {name: partial(_load, folder, name) for name in folder.observations}


def one_container_readers(path: Path) -> dict[str, Callable[[str], pd.DataFrame]]:
    """For each of the tables: its rows that name one container, by its id."""
    folder = RunFolder(path)
    return {name: partial(_load_of, folder, name) for name in folder.observations}


def column_readers(path: Path) -> dict[str, Callable[[Sequence[str]], pd.DataFrame]]:
    """For each of the tables: those columns of some names that it has."""
    folder = RunFolder(path)
    return {name: partial(_load_columns, folder, name) for name in folder.observations}


def _load(folder: RunFolder, name: str) -> pd.DataFrame:
    from iluvatar_bench.records.frames import Observations

    table = read_table(folder.path, name, folder.observations[name])
    if table is not None:
        return table
    return Observations(**{name: _journaled(folder, name)}).frames()[name]


def _load_columns(folder: RunFolder, name: str, columns: Sequence[str]) -> pd.DataFrame:
    from iluvatar_bench.records.lazy_tables import columns_of

    table = read_table(folder.path, name, folder.observations[name], columns=columns)
    return columns_of(_load(folder, name), columns) if table is None else table


def _load_of(folder: RunFolder, name: str, container_id: str) -> pd.DataFrame:
    conditions = [(column, "==", container_id) for column in NAMED_IN[name]]
    table = read_table(folder.path, name, folder.observations[name], any_of=conditions)
    return _load(folder, name) if table is None else table
