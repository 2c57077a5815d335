"""The calls of a recording on disk: a journal while they pass, one table at the end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from iluvatar_bench.errors import UnusablePath
from iluvatar_bench.host.full_disk import full_disk_told
from iluvatar_bench.host.whole_files import whole_file
from iluvatar_bench.records.call import Call

JOURNAL = "calls.jsonl"
TABLE = "calls.parquet"

CALL_SCHEMA = pa.schema(
    [
        ("number", pa.int64()),
        ("method", pa.string()),
        ("started_ns", pa.int64()),
        ("ended_ns", pa.int64()),
        ("namespace", pa.string()),
        ("lease", pa.string()),
        ("peer_pid", pa.int64()),
        ("peer_command", pa.string()),
        ("status", pa.string()),
        ("message", pa.string()),
        ("request", pa.string()),
        ("answer", pa.string()),
        ("request_messages", pa.int64()),
        ("request_bytes", pa.int64()),
        ("answer_messages", pa.int64()),
        ("answer_bytes", pa.int64()),
    ]
)
"""Columns of ``calls``, one row a call, in the order of their ends; see ``records.Call``."""

_ROWS_AT_ONCE = 2000


class CallLog:
    """Writes each call as it ends. A context manager: its end makes the table of the journal.

    What a killed process leaves is the journal.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: Any = None
        self.problem: OSError | None = None
        """Why calls are missing from the log, where a disk did not take them."""
        self._empty = True

    def __enter__(self) -> CallLog:
        """Make the folder and the journal.

        Raises:
            UnusablePath: it cannot be made, or holds a recording already.
            DiskFull: there is no room for it.
        """
        try:
            with full_disk_told(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
                if (self.folder / TABLE).exists():
                    raise FileExistsError
                self._file = (self.folder / JOURNAL).open("x", encoding="utf-8")
        except FileExistsError as error:
            if not self.folder.is_dir():
                raise UnusablePath(
                    f"cannot write to {self.folder}: it is no folder; choose another one"
                ) from error
            raise UnusablePath(
                f"{self.folder} holds a recording already; choose another folder"
            ) from error
        except OSError as error:
            raise UnusablePath(
                f"cannot write to {self.folder}: {error.strerror}; choose another folder"
            ) from error
        return self

    def append(self, call: Call) -> None:
        """Write one call. A disk that takes no more must not stop what passes the proxy."""
        if self.problem is not None:
            return
        self._empty = False
        try:
            # One write a call: what is written survives the end of this process.
            self._file.write(json.dumps(call.as_row(), separators=(",", ":")) + "\n")
            self._file.flush()
        except OSError as error:
            self.problem = error

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: object) -> None:
        """Make the table, whole or not at all, and then remove the journal.

        After an error before the first call there is nothing to keep, nor a folder.

        Raises:
            DiskFull: there is no room for what was recorded; the journal holds what there was.
        """
        try:
            self._file.close()
        except OSError as error:
            self.problem = self.problem or error
        if kind is not None and self._empty:
            (self.folder / JOURNAL).unlink()
            if not any(self.folder.iterdir()):
                self.folder.rmdir()
            return
        with full_disk_told(self.folder):
            if self.problem is not None:
                raise self.problem
            write_calls(self.folder / TABLE, read_journal(self.folder / JOURNAL))
        (self.folder / JOURNAL).unlink()


def write_calls(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    """Write rows of calls as a table, some thousand at a time."""
    with whole_file(path) as draft, pq.ParquetWriter(draft, CALL_SCHEMA) as writer:
        while batch := list(islice(rows, _ROWS_AT_ONCE)):
            writer.write_table(pa.Table.from_pylist(batch, schema=CALL_SCHEMA))


def read_journal(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a journal; a last line that was cut off is passed over."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                yield json.loads(line)


def read_calls(path: Path) -> tuple[Call, ...]:
    """The calls of a table, in the order in which they arrived.

    Raises:
        UnusablePath: it is no table of calls.
    """
    try:
        rows = pq.read_table(path, columns=CALL_SCHEMA.names).to_pylist()
        return tuple(sorted(map(Call.from_row, rows), key=lambda call: call.number))
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise UnusablePath(f"{path} is no table of calls: {error}") from error
