"""What an observation keeps of the whole node, as frames: which columns, of which types. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from iluvatar_bench.records.frames import EPOCH

_TIME, _TEXT = "time", "text"
"""UTC, stored as ISO 8601; and whatever it is. Other kinds are those of pandas."""

NODE_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "alarms": {
        "at": _TIME,
        **dict.fromkeys(("latent", "container", "client", "snapshot", "upper_directory"), _TEXT),
    },
    "leases": {
        "at": _TIME,
        **dict.fromkeys(("change", "namespace", "lease"), _TEXT),
        **dict.fromkeys(("created_at", "expires_at"), _TIME),
    },
    "collections": {"at": _TIME, "ended_at": _TIME, "snapshotter": _TEXT, "directories": "Int64"},
    "health": {
        "at": _TIME,
        **dict.fromkeys(("connected", "witness_sees", "writable"), "boolean"),
        **dict.fromkeys(("gaps", "containers", "running", "latent"), "Int64"),
        **dict.fromkeys(("ended", "never_started", "snapshots_left"), "Int64"),
        **dict.fromkeys(("leases", "leases_expired", "collections", "signals_lost"), "Int64"),
        **dict.fromkeys(("not_followed", "dropped_segments", "rss_bytes"), "Int64"),
        "cpu_seconds": "float64",
    },
    "logs": {
        "run_id": _TEXT,
        **dict.fromkeys(("seen_at", "told_at"), _TIME),
        **dict.fromkeys(("container_id", "transaction_id", "bug_class", "certainty"), _TEXT),
        **dict.fromkeys(("text", "file"), _TEXT),
        "line": "Int64",
    },
}
"""Damage that nobody had noticed, changes of leases, collections that removed snapshots, the looks
at node and observer (a row a minute), and failures that workers' logs told of. Of ``health``
``ended`` and ``never_started`` count containers that nobody had come for in a minute;
``collections``, ``gaps``, ``signals_lost``, ``not_followed``, ``dropped_segments`` and
``cpu_seconds`` are since the beginning of that session."""


def node_frame(name: str, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """One of the tables of ``NODE_COLUMNS``, from the rows of its journal."""
    kinds = NODE_COLUMNS[name]
    frame = pd.DataFrame(list(rows), columns=list(kinds))
    for column, kind in kinds.items():
        if kind == _TIME:
            frame[column] = pd.to_datetime(frame[column], utc=True, format="ISO8601")
    return frame.astype({n: kind for n, kind in kinds.items() if kind not in (_TIME, _TEXT)})


def example_row(name: str) -> dict[str, Any]:
    """A row that shows the types of a table's columns."""
    values: dict[str, Any] = {_TIME: EPOCH, _TEXT: "", "boolean": False}
    return {column: values.get(kind, 0) for column, kind in NODE_COLUMNS[name].items()}
