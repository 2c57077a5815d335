"""The trials of a run as a table of which no more is read than is asked for.

A trial with its evidence and the times of its steps takes some 8 KB, its outcome, class and
durations a hundredth of that: who counts a million asks for columns, who explains one for its row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iluvatar_bench.records.frames import with_unknown_class

Positions = NDArray[np.int64]
"""Places in the table, from 0: not the trials' numbers."""


class TrialSource(Protocol):
    """Where trials are kept, one row each. ``None`` for columns are all of them."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns."""

    def __len__(self) -> int:
        """How many trials there are."""

    def read(self, columns: Sequence[str] | None) -> pd.DataFrame:
        """Every row."""

    def parts(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Every row, some at a time: one part at least, though it be empty."""

    def rows(self, positions: Positions, columns: Sequence[str] | None) -> pd.DataFrame:
        """The rows at these places, in this order."""


class FrameSource:
    """Trials that are in memory."""

    def __init__(self, trials: pd.DataFrame) -> None:
        self.trials = trials

    @property
    def names(self) -> tuple[str, ...]:
        """The columns."""
        return tuple(map(str, self.trials.columns))

    def __len__(self) -> int:
        return len(self.trials)

    def read(self, columns: Sequence[str] | None) -> pd.DataFrame:
        """Every row."""
        return self.trials if columns is None else self.trials[list(columns)]

    def parts(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        """All rows at once."""
        yield self.read(columns)

    def rows(self, positions: Positions, columns: Sequence[str] | None) -> pd.DataFrame:
        """The rows at these places."""
        chosen = self.trials.iloc[positions]
        return chosen if columns is None else chosen[list(columns)]


class TrialTable:
    """Trials by columns, by rows, in parts, or whole, which is read once and kept then.

    Names that the table has not are passed over. ``unknown_class`` is there for runs of earlier
    versions too (:func:`with_unknown_class`). ``profile``, where it is given, stands for the name
    of every trial's profile.
    """

    def __init__(self, source: TrialSource, *, profile: str | None = None) -> None:
        self._source = source
        self._profile = profile
        self._whole: pd.DataFrame | None = None

    @classmethod
    def of(cls, trials: pd.DataFrame) -> TrialTable:
        """The table of a frame, one row a trial."""
        return cls(FrameSource(trials))

    def called(self, profile: str) -> TrialTable:
        """The same trials under a profile of this name."""
        return TrialTable(self._source, profile=profile)

    def __len__(self) -> int:
        return len(self._source)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in the order of :meth:`whole`."""
        derived = ("unknown_class",) if self._derives_reason else ()
        return (*self._source.names, *derived)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def columns(self, *names: str) -> pd.DataFrame:
        """Every trial, with these columns."""
        return self._told(self._source.read(self._kept(names)), names)

    def parts(self, *names: str) -> Iterator[pd.DataFrame]:
        """The same, some rows at a time: one part at least, though it be empty.

        The index goes on from part to part.
        """
        for part in self._source.parts(self._kept(names)):
            yield self._told(part, names)

    def rows(self, positions: Positions, *names: str) -> pd.DataFrame:
        """The trials at these places, in this order; without any name with all columns."""
        return self._told(self._source.rows(positions, self._kept(names) if names else None), names)

    def of_trial(self, trial: int, *names: str) -> pd.DataFrame:
        """The row of the trial with this number; no row where there is none.

        Without any name of a column it has all.
        """
        numbers = self.columns("trial")["trial"].to_numpy()
        return self.rows(np.flatnonzero(numbers == trial), *names)

    def whole(self) -> pd.DataFrame:
        """Every trial with everything that is known of it: the same frame each time."""
        if self._whole is None:
            self._whole = self._told(self._source.read(None), ())
            # From here on there is nothing more to read.
            self._source = FrameSource(self._whole)
        return self._whole

    @property
    def _derives_reason(self) -> bool:
        names = self._source.names
        return "unknown_class" not in names and "outcome" in names

    def _kept(self, names: Sequence[str]) -> list[str]:
        """Those columns of the source that these names are made of."""
        wanted = dict.fromkeys(names)
        if "unknown_class" in wanted and self._derives_reason:
            wanted["outcome"] = None
        return [name for name in wanted if name in self._source.names]

    def _told(self, rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
        """The rows with these columns, or all, as the table tells them."""
        if not names or "unknown_class" in names:
            rows = with_unknown_class(rows)
        if self._profile is not None and "profile" in rows:
            rows = rows.assign(profile=self._profile)
        return rows[[name for name in dict.fromkeys(names) if name in rows]] if names else rows
