"""The folder of a check: every call, every cell, and how it was made; each file whole."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from iluvatar_bench.clients.check.check_client import Checked
from iluvatar_bench.containerd.proxy.call_log import CALL_SCHEMA, TABLE
from iluvatar_bench.errors import UnusablePath
from iluvatar_bench.host.full_disk import full_disk_told
from iluvatar_bench.host.whole_files import whole_file, write_whole

POSITIONS_TABLE = "positions.parquet"
COMPLETE, STOPPED = "complete", "stopped"
"""The ``status`` of a check: whether every position was tried."""

SCHEMA_VERSION = 2
"""1: calls (those of a proxy, and ``run``), positions (``POSITION_SCHEMA``), manifest.
2: the manifest's ``status`` and ``not_tried``; a check of version 1 was complete."""

POSITION_SCHEMA = pa.schema(
    [
        ("position", pa.int64()),
        ("call", pa.string()),
        ("fault", pa.string()),
        ("outcome", pa.string()),
        ("unsafe", pa.bool_()),
        ("run", pa.int64()),
        ("container_id", pa.string()),
        ("label", pa.string()),
        ("exit_status", pa.int64()),
        ("seconds", pa.float64()),
        ("noticed", pa.bool_()),
        ("what", pa.string()),
        ("bug_class", pa.string()),
        ("rule", pa.string()),
        ("remedy", pa.string()),
    ]
)
"""Columns of ``positions``, one row a run with a fault; ``label`` is ``run`` in the calls."""


def make_folder(out: Path | None) -> Path:
    """The folder of a check, new or empty; without a name one below ``results``, by the time.

    Raises:
        UnusablePath: it cannot be made, or something is in it.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")[:-3]
    folder = out or Path("results") / f"check-{stamp}"
    try:
        with full_disk_told(folder):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnusablePath(f"cannot write to {folder}: {error.strerror}") from error
    if any(folder.iterdir()):
        raise UnusablePath(f"{folder} is not empty; choose another folder")
    return folder


def write_check(folder: Path, checked: Checked, manifest: Mapping[str, Any]) -> None:
    """Write the tables, the matrix as text, and last the manifest.

    Raises:
        DiskFull: there is no room for them.
    """
    schema = CALL_SCHEMA.append(pa.field("run", pa.string()))
    rows = ({**call.as_row(), "run": label} for label, call in checked.calls)
    _write_table(folder / TABLE, rows, schema)
    cells = (cell.as_row() for cell in checked.matrix.cells)
    _write_table(folder / POSITIONS_TABLE, cells, POSITION_SCHEMA)
    write_whole(folder / "matrix.txt", checked.matrix.text() + "\n")
    document = checked.matrix.as_json()
    document.pop("cells")
    whole = {
        "schema_version": SCHEMA_VERSION,
        "kind": "check",
        "containerd": {"version": checked.version},
        **manifest,
        **document,
    }
    write_whole(folder / "manifest.json", json.dumps(whole, indent=2) + "\n")


def _write_table(path: Path, rows: Iterable[dict[str, Any]], schema: pa.Schema) -> None:
    with whole_file(path) as draft:
        pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), draft)
