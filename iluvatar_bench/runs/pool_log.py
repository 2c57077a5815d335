"""The history of a keep-alive pool: a row at each change, kept as ``pool.parquet``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from iluvatar_bench.errors import UsageError
from iluvatar_bench.plans.keep_alive import Occupancy

POOL_COLUMNS = {
    "at_ms": "float64",
    "event": "string",
    "container": "Int64",
    "busy": "int64",
    "idle": "int64",
    "leaving": "int64",
    "waiting": "int64",
    "resident_mib": "int64",
}
"""``event`` is one of arrive, launch, serve, release, evict, expire, dead (found dead while idle),
gone, drop, close; the counts are those after it. Decisions that follow from one event are taken at
once, so rows of the same moment have the same counts."""


class PoolLog:
    """Collects the rows while a workload runs."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []

    def note(
        self, event: str, occupancy: Occupancy, *, at_ms: float, container: int | None
    ) -> None:
        """Add a row; ``at_ms`` counts from the workload's start."""
        row = {"at_ms": at_ms, "event": event, "container": container, **asdict(occupancy)}
        self._rows.append(row)

    def write(self, folder: Path) -> None:
        """Write the table into a run's folder."""
        frame = pd.DataFrame(self._rows, columns=list(POOL_COLUMNS)).astype(POOL_COLUMNS)
        frame.to_parquet(folder / "pool.parquet", index=False)


def load_pool(folder: Path) -> pd.DataFrame:
    """The pool's history of a run folder.

    Raises:
        UsageError: it has none: another workload, or a run that was killed.
    """
    path = folder / "pool.parquet"
    if not path.exists():
        raise UsageError(f"{folder} has no pool.parquet: no workload of arrivals ended there")
    return pd.read_parquet(path)
