"""The table of what other clients tried on the containerd of a run (``runs.other_clients``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iluvatar_bench.count_words import count_of
from iluvatar_bench.records import Outcome
from iluvatar_bench.runs.store import RunFolder, read_table

if TYPE_CHECKING:
    import pandas as pd

TABLE_OF_ATTEMPTS = "beside"

ATTEMPT_COLUMNS = {
    "kind": "string",
    "attempt": "Int64",
    "began_at": "datetime64[ns, UTC]",
    "duration_ms": "float64",
    "outcome": "string",
    "bug_class": "string",
    "mechanism": "string",
    "leases_deleted": "Int64",
    "error": "string",
}


def attempts_frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """The table, from the rows of its journal; the columns of :data:`ATTEMPT_COLUMNS`."""
    import pandas as pd

    frame = pd.DataFrame(list(rows), columns=list(ATTEMPT_COLUMNS))
    frame["began_at"] = pd.to_datetime(frame["began_at"], utc=True, format="ISO8601")
    return frame.astype(ATTEMPT_COLUMNS)


def load_attempts(folder: Path) -> pd.DataFrame | None:
    """One row an attempt (:data:`ATTEMPT_COLUMNS`); None of a run that nothing was done beside."""
    journal = RunFolder(folder).beside
    table = read_table(folder, TABLE_OF_ATTEMPTS, journal)
    if table is None and journal.path.exists():
        return attempts_frame(journal.rows())
    return table


def beside_told(seen: Mapping[str, pd.DataFrame]) -> list[str]:
    """A line for each kind of work beside a run: how often it was tried, and what came of it.

    ``seen`` are the run's tables.
    """
    told: list[str] = []
    if TABLE_OF_ATTEMPTS not in seen:
        return told
    for kind, attempts in seen[TABLE_OF_ATTEMPTS].groupby("kind", sort=False):
        failed = attempts.loc[attempts["outcome"] != Outcome.OK]
        names = (
            failed["bug_class"]
            .fillna(failed["outcome"])
            .str.cat(failed["mechanism"].fillna("not known"), sep=" / ")
        )
        counts = [f"{len(attempts) - len(failed)} ok"]
        counts += [f"{count} {name}" for name, count in names.value_counts().items()]
        if attempts["leases_deleted"].notna().any():
            counts.append(f"{count_of(int(attempts['leases_deleted'].sum()), 'lease')} deleted")
        told.append(f"beside, {kind}: {count_of(len(attempts), 'time')}: {', '.join(counts)}")
    return told
