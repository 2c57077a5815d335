"""When containerd collected during a run, and what went: a journal, then a table.

Runs of before have a log of containerd in their place, if they asked for one.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iluvatar_bench.containerd.daemon.collection_log import Collection, read_collections
from iluvatar_bench.errors import DiskFull
from iluvatar_bench.host.journal import Journal
from iluvatar_bench.runs.store import RunFolder, read_manifest, read_table

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

TABLE = "collections"

COLUMNS = {
    "ended_at": "datetime64[ns, UTC]",
    "pause_ms": "float64",
    "removed_snapshots": "Int64",
    "removed_contents": "Int64",
    "names": "string",
}
"""A row a collection: when it was over, how long it locked the metadata database, how many
snapshots and blobs went, and the snapshots' names as a JSON list. Runs of before know neither
counts nor names."""


class CollectionJournal:
    """Writes collections down as they are seen, until it is closed. It never fails: what is only
    seen must not end a run."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._closed = False

    def close(self) -> None:
        """Write no more: the table is made, and the daemon runs on for a moment."""
        self._closed = True

    def note(self, collection: Collection) -> None:
        """A collection is over."""
        if self._closed:
            return
        row = {**asdict(collection), "ended_at": collection.ended_at.isoformat()}
        try:
            self._journal.append(row)
        except (DiskFull, OSError) as error:
            self._closed = True
            log.warning("collections cannot be written down any more: %s", error)


def collections_frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """The table, from the rows of its journal; the columns of :data:`COLUMNS`."""
    told = [
        {
            "ended_at": row["ended_at"],
            "pause_ms": row["pause_ms"],
            "removed_snapshots": len(row["snapshots"]),
            "removed_contents": row["contents"],
            "names": json.dumps(row["snapshots"]),
        }
        for row in rows
    ]
    return _frame(told)


def _frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    return _typed(pd.DataFrame(list(rows), columns=list(COLUMNS)))


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    frame["ended_at"] = pd.to_datetime(frame["ended_at"], utc=True, format="ISO8601")
    return frame.astype(COLUMNS)


def load_collections(folder: Path) -> pd.DataFrame | None:
    """One row a collection of a run (:data:`COLUMNS`); None if nobody noted any.

    Of a run of before that was resumed the log tells of the last session only: that is None too.

    Raises:
        UsageError: it is no run folder.
        UnusablePath: a log of before grew too long to be kept whole, so it lacks some.
    """
    journal = RunFolder(folder).collections
    table = read_table(folder, TABLE, journal)
    if table is not None:
        return table if "at" in table.columns else _typed(table.reindex(columns=list(COLUMNS)))
    if journal.path.exists():
        return collections_frame(journal.rows())
    old_log = folder / "containerd.log"
    manifest = read_manifest(folder)
    asked = (manifest.get("request") or {}).get("log_collections")
    if not asked or manifest.get("sessions") or not old_log.exists():
        return None
    rows = [
        {"ended_at": one.ended_at, "pause_ms": one.pause_ms} for one in read_collections(old_log)
    ]
    return _frame(rows)
