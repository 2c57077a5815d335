"""The history of a keep-alive pool: a row at each change, in a journal, then as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iluvatar_bench.host.journal import Journal
from iluvatar_bench.plans.keep_alive import Occupancy
from iluvatar_bench.runs.store import RunFolder, read_table

if TYPE_CHECKING:
    import pandas as pd


class PoolLog:
    """Writes the rows while a workload runs."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def note(
        self, event: str, occupancy: Occupancy, *, at_ms: float, container: int | None
    ) -> None:
        """Add a row; ``at_ms`` counts from the workload's start."""
        row = {"at_ms": at_ms, "event": event, "container": container, **asdict(occupancy)}
        self._journal.append(row)


def pool_frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """One row a change, in their order; the columns of ``POOL_COLUMNS``."""
    import pandas as pd

    from iluvatar_bench.records.frames import POOL_COLUMNS

    return pd.DataFrame(list(rows), columns=list(POOL_COLUMNS)).astype(POOL_COLUMNS)


def load_pool(path: Path) -> pd.DataFrame | None:
    """The pool's history of a run folder; None where there is none.

    Raises:
        UsageError: it cannot be read.
    """
    journal = RunFolder(path).pool
    frame = read_table(path, "pool", journal)
    if frame is None and journal.path.exists():
        return pool_frame(journal.rows())
    return frame
