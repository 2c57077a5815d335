"""Tables of a run that are read when somebody first asks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import pandas as pd

ReadAll = Callable[[], pd.DataFrame]
ReadOne = Callable[[str], pd.DataFrame]
ReadColumns = Callable[[Sequence[str]], pd.DataFrame]


class LazyTables(Mapping[str, pd.DataFrame]):
    """Names to tables. Each is read once, as it is first asked for, and kept then.

    Of those tables that can be read in part ``of_containers`` reads the rows of one container, by
    its id, and ``by_columns`` those columns of some names that there are.
    """

    def __init__(
        self,
        readers: Mapping[str, ReadAll],
        of_containers: Mapping[str, ReadOne] | None = None,
        by_columns: Mapping[str, ReadColumns] | None = None,
    ) -> None:
        self._readers = dict(readers)
        self._of_containers = dict(of_containers or {})
        self._by_columns = dict(by_columns or {})
        self._read: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._read:
            self._read[name] = self._readers[name]()
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)

    def of(self, name: str, container_id: str) -> pd.DataFrame:
        """Rows among which are all of one container: no others, unless the table is in memory.

        Raises:
            KeyError: there is no such table.
        """
        if name in self._read or name not in self._of_containers:
            return self[name]
        return self._of_containers[name](container_id)

    def columns(self, name: str, *columns: str) -> pd.DataFrame:
        """All rows, with those of these columns that the table has, and no others.

        Raises:
            KeyError: there is no such table.
        """
        if name in self._read or name not in self._by_columns:
            return columns_of(self[name], columns)
        return self._by_columns[name](columns)


def columns_of(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Those of these columns that the frame has."""
    return frame[[name for name in names if name in frame]]
