"""What an observation kept of the whole node, from its folder."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from iluvatar_bench.host.journal import Journal
from iluvatar_bench.records.node_frames import NODE_COLUMNS, node_frame
from iluvatar_bench.runs.store import read_table


def load_node(path: Path) -> dict[str, pd.DataFrame]:
    """The tables of ``NODE_COLUMNS``; empty where nothing was kept.

    The journals serve where the observation goes on, or was cut off.

    Raises:
        UsageError: one cannot be read.
    """
    found: dict[str, pd.DataFrame] = {}
    for name in NODE_COLUMNS:
        journal = Journal(path / f"{name}.jsonl")
        table = read_table(path, name, journal)
        found[name] = node_frame(name, journal.each_row()) if table is None else table
    return found
