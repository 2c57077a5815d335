"""What a monitor sees over a run, on disk: journals as it is seen, tables at the end."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iluvatar_bench.errors import DiskFull
from iluvatar_bench.records import Death, Event, Sample, Way
from iluvatar_bench.runs.store import RunFolder, read_table

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

    rows = {name: journal.rows() for name, journal in folder.observations.items()}
    return Observations(
        events=[Event(**row) for row in rows["events"]],
        deaths=_last_words(rows["deaths"]),
        samples=[Sample(**row) for row in rows["samples"]],
    )


def _last_words(rows: Iterable[dict[str, Any]]) -> list[Death]:
    """A record a death, in the order in which they were first seen."""
    deaths: dict[tuple[str, int | None, str], Death] = {}
    for row in rows:
        deaths[death_key(row)] = Death(**{**row, "first_way": Way(row["first_way"])})
    return list(deaths.values())


def death_key(row: Mapping[str, Any]) -> tuple[str, int | None, str]:
    """What the rows of one death have in common."""
    return row["container_id"], row["pid"], row["first_seen_at"]


def load_observations(path: Path) -> dict[str, pd.DataFrame]:
    """What was seen over a run: ``events``, ``deaths`` and ``samples``; empty where there are none.

    The columns are those of ``records.Event``, ``Death`` and ``Sample``. The journals serve where a
    run was cut off, or a table is torn.

    Raises:
        UsageError: one cannot be read.
    """
    folder = RunFolder(path)
    found: dict[str, pd.DataFrame] = {}
    told: dict[str, pd.DataFrame] | None = None
    for name, journal in folder.observations.items():
        table = read_table(path, name, journal)
        if table is None:
            told = told or journaled(folder).frames()
            table = told[name]
        found[name] = table
    return found
