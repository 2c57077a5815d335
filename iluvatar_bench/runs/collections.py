"""When containerd collected during a run: from the run's table, or from its containerd's log."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from iluvatar_bench.containerd.daemon.collection_log import read_collections
from iluvatar_bench.runs.store import read_manifest

TABLE = "collections"


def load_collections(folder: Path) -> pd.DataFrame | None:
    """One row a collection of a run: ``ended_at`` (UTC) and ``pause_ms``; None if nobody logged.

    Of a run that was resumed the log tells of the last session only: that is None too.

    Raises:
        UsageError: it is no run folder.
        UnusablePath: the log grew too long to be kept whole, so it lacks some.
    """
    table = folder / f"{TABLE}.parquet"
    if table.exists():
        return pd.read_parquet(table)
    log = folder / "containerd.log"
    manifest = read_manifest(folder)
    asked = (manifest.get("request") or {}).get("log_collections")
    if not asked or manifest.get("sessions") or not log.exists():
        return None
    found = [(one.ended_at, one.pause_ms) for one in read_collections(log)]
    frame = pd.DataFrame(found, columns=["ended_at", "pause_ms"])
    frame["ended_at"] = pd.to_datetime(frame["ended_at"], utc=True)
    return frame.astype({"pause_ms": "float64"})
