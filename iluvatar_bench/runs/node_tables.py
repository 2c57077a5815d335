"""What an observation kept of the whole node, from its folder."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd

from iluvatar_bench.host.journal import Journal
from iluvatar_bench.records.node_frames import NODE_COLUMNS, node_frame
from iluvatar_bench.runs.store import read_table, require_table


def node_readers(path: Path) -> dict[str, Callable[[], pd.DataFrame]]:
    """The tables of ``NODE_COLUMNS``, each to be read when it is asked for; empty where nothing was
    kept.

    The journals serve where the observation goes on, or was cut off.

    Raises:
        UsageError: a table is torn, and has no journal.
    """
    for name in NODE_COLUMNS:
        require_table(path, name, Journal(path / f"{name}.jsonl"))
    return {name: partial(_load, path, name) for name in NODE_COLUMNS}


def _load(path: Path, name: str) -> pd.DataFrame:
    journal = Journal(path / f"{name}.jsonl")
    table = read_table(path, name, journal)
    return node_frame(name, journal.each_row()) if table is None else table
