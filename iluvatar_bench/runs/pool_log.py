"""The history of a keep-alive pool: a row at each change, kept as ``pool.parquet``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from iluvatar_bench.plans.keep_alive import Occupancy
from iluvatar_bench.records.frames import POOL_COLUMNS


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


def load_pool(folder: Path) -> pd.DataFrame | None:
    """The pool's history of a run folder; None where the run was killed before it was written."""
    path = folder / "pool.parquet"
    return pd.read_parquet(path) if path.exists() else None
